/** The fleet in numbers, for people and for Prometheus. */
import type { metricsRoutes } from "../../protocol/index.ts";
import { opened } from "../answers.ts";
import type { Handlers } from "../handler.ts";
import { countBy, prometheusText } from "../prometheus.ts";

export const metricsHandlers: Handlers<typeof metricsRoutes> = {
  async workerMetrics({ var: { registry, tokenHash } }) {
    const { workers } = await opened(registry.metrics(tokenHash));
    return {
      totalWorkers: workers.length,
      byStatus: countBy(workers, (worker) => worker.status),
      byType: countBy(workers, (worker) => worker.workerType),
      workers: workers.map((worker) => ({
        id: worker.workerId,
        type: worker.workerType,
        status: worker.status,
        currentOperation: worker.currentOperationId,
        healthFailures: worker.healthCheckFailures,
      })),
    };
  },
  async prometheusMetrics({ var: { registry, tokenHash } }) {
    return prometheusText(await opened(registry.metrics(tokenHash)));
  },
};
