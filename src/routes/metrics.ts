/** `/api/v1/metrics`: the fleet in numbers, for people (`/workers`) and for Prometheus (`/prometheus`). */
import { Hono } from "hono";
import { PROMETHEUS_MEDIA_TYPE } from "../../telemetry/index.ts";
import { opened } from "../answers.ts";
import { authenticate } from "../authentication.ts";
import type { Edge } from "../edge.ts";
import { countBy, prometheusText } from "../prometheus.ts";

export const metrics = new Hono<Edge>();
metrics.use(authenticate);

metrics.get("/workers", async (context) => {
  const { workers } = await opened(context.var.registry.metrics(context.var.tokenHash));
  return context.json({
    total_workers: workers.length,
    by_status: countBy(workers, (worker) => worker.status),
    by_type: countBy(workers, (worker) => worker.workerType),
    workers: workers.map((worker) => ({
      id: worker.workerId,
      type: worker.workerType,
      status: worker.status,
      current_operation: worker.currentOperationId,
      health_failures: worker.healthCheckFailures,
    })),
  });
});

metrics.get("/prometheus", async (context) => {
  const found = await opened(context.var.registry.metrics(context.var.tokenHash));
  return context.text(prometheusText(found), 200, { "content-type": PROMETHEUS_MEDIA_TYPE });
});
