/** The fleet in numbers, for people and scripts. */
import { z } from "zod";
import { workerStatus, workerType } from "./workers.ts";

/** Answers `GET /api/v1/metrics/workers`. Statuses and types that no worker has are left out. */
export const workerMetrics = z.strictObject({
  totalWorkers: z.int(),
  byStatus: z.record(z.string(), z.int()),
  byType: z.record(z.string(), z.int()),
  workers: z.array(
    z.strictObject({
      id: z.string(),
      type: workerType,
      status: workerStatus,
      currentOperation: z.string().nullable(),
      healthFailures: z.int(),
    }),
  ),
});
