/** `/api/v1/metrics`: the fleet in numbers, for people (`/workers`) and for Prometheus (`/prometheus`). */
import { Hono } from "hono";
import type { RegistryMetrics } from "../../durable-objects/worker-registry.ts";
import { opened } from "../answers.ts";
import { authenticate } from "../authentication.ts";
import type { Edge } from "../edge.ts";

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
  return context.text(prometheusText(found), 200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
});

function countBy<T>(items: readonly T[], key: (item: T) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[key(item)] = (counts[key(item)] ?? 0) + 1;
  return counts;
}

/** Prometheus text exposition format 0.0.4. */
function prometheusText({ workers, operations, counters }: RegistryMetrics): string {
  const byStatus = countBy(workers, (worker) => worker.status);
  const lines: string[] = [];
  const metric = (name: string, type: "gauge" | "counter", help: string, values: readonly [string, number][]): void => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    for (const [labels, value] of values) lines.push(`${name}${labels} ${value}`);
    lines.push("");
  };
  metric("ktrdr_workers_total", "gauge", "Total number of registered workers", [["", workers.length]]);
  metric("ktrdr_workers_available", "gauge", "Workers in available state", [["", byStatus.available ?? 0]]);
  metric("ktrdr_workers_busy", "gauge", "Workers in busy state", [["", byStatus.busy ?? 0]]);
  metric("ktrdr_workers_unavailable", "gauge", "Workers in unavailable state", [
    ["", byStatus.temporarily_unavailable ?? 0],
  ]);
  const statuses = Object.entries(operations).map(([status, count]): [string, number] => [
    `{status="${status}"}`,
    count,
  ]);
  metric("ktrdr_operations", "gauge", "Operations that are kept, by status", statuses);
  for (const [name, value] of Object.entries(counters)) {
    metric(`ktrdr_${name}_total`, "counter", `Count of ${name.replaceAll("_", " ")}`, [["", value]]);
  }
  return lines.join("\n");
}
