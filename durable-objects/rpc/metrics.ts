/** Calls about the fleet in numbers. */
import { ROUTES } from "../../protocol/index.ts";
import type { Answer } from "../answer.ts";
import type { Registry } from "../registry.ts";
import type { RegistryMetrics } from "../scheduler/index.ts";

export const metricsCalls = {
  async metrics(registry: Registry, tokenHash: string): Promise<Answer<RegistryMetrics>> {
    return registry.answer(tokenHash, ROUTES.workerMetrics.role, (now) => {
      registry.lookAtHeartbeats(now);
      return {
        workers: registry.scheduler.workers.list(),
        operations: registry.scheduler.metrics.operationCounts(),
        ...registry.scheduler.metrics.counters(),
        queue: registry.scheduler.metrics.queue(now),
        storedBytes: registry.storedBytes.read(now),
      };
    });
  },
};
