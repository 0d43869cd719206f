/** Writes the registry's metrics for Prometheus; docs/guides/operations-runbook.md explains them. */
import type { RegistryMetrics } from "../durable-objects/scheduler/index.ts";
import { type MetricSample, PrometheusText } from "../telemetry/index.ts";

/** Describes each counter; its metric is `ktrdr_<name>_total`. */
const COUNTER_HELP: Readonly<Record<keyof RegistryMetrics["counters"], string>> = {
  operations_submitted: "Operations accepted",
  operations_completed: "Operations that ended with a result",
  operations_failed: "Operations that ended as failed",
  operations_cancelled: "Operations that were cancelled",
  operations_requeued: "Times that an operation went back to the queue, for whatever reason",
  operations_retried: "Attempts that were lost or failed and are made again",
  leases_lost: "Leases that ended because their worker lost them",
  leases_expired: "Leases that ended because their worker stayed away or silent for too long",
  leases_rejected: "Assignments that a worker turned down",
  messages_refused: "Messages of nodes that were not understood",
  messages_stale: "Messages about attempts that had ended before",
  registrations: "Times that a worker registered",
  reconnections: "Times that a known worker connected again",
  operations_removed: "Finished operations that retention removed",
  artefacts_removed: "Artefacts that were collected because nothing referred to them",
  spans_dropped: "Spans of traces that the collector did not take",
};

const WORKER_TYPES = ["backtesting", "cpu_training", "gpu_host"] as const;
const WORKER_STATUSES = ["available", "busy", "temporarily_unavailable"] as const;

export function prometheusText(metrics: RegistryMetrics): string {
  const text = new PrometheusText();
  writeWorkers(text, metrics);
  writeOperations(text, metrics);
  text.gauge("ktrdr_artefact_bytes", "Bytes in the artefact store, as of the last minute", metrics.storedBytes);
  for (const [name, help] of Object.entries(COUNTER_HELP)) {
    text.counter(`ktrdr_${name}_total`, help, metrics.counters[name as keyof typeof metrics.counters]);
  }
  return text.toString();
}

/** Counts the items of each key. */
export function countBy<T>(items: readonly T[], key: (item: T) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[key(item)] = (counts[key(item)] ?? 0) + 1;
  return counts;
}

function writeWorkers(text: PrometheusText, metrics: RegistryMetrics): void {
  const { workers } = metrics;
  const byStatus = countBy(workers, (worker) => worker.status);
  text.gauge("ktrdr_workers_total", "Total number of registered workers", workers.length);
  text.gauge("ktrdr_workers_available", "Workers in available state", byStatus.available ?? 0);
  text.gauge("ktrdr_workers_busy", "Workers in busy state", byStatus.busy ?? 0);
  text.gauge("ktrdr_workers_unavailable", "Workers in unavailable state", byStatus.temporarily_unavailable ?? 0);
  const refused = workers.filter((worker) => worker.refusal !== null).length;
  text.gauge("ktrdr_workers_refused", "Workers whose protocol version is not served", refused);
  text.gauge("ktrdr_workers", "Registered workers, by type and status", workerSamples(metrics));
  text.gauge("ktrdr_worker_slots", "Slots of connected workers, by type", slotSamples(metrics, "slots"));
  text.gauge("ktrdr_worker_slots_used", "Slots in use, by type", slotSamples(metrics, "slotsUsed"));
}

function writeOperations(text: PrometheusText, { operations, queue, dispatchLatency }: RegistryMetrics): void {
  const byStatus = Object.entries(operations).map(([status, count]): MetricSample => [{ status }, count]);
  text.gauge("ktrdr_operations", "Operations that are kept, by status", byStatus);
  const byGroup = (value: (group: (typeof queue)[number]) => number): MetricSample[] =>
    queue.map((group) => [{ worker_type: group.workerType, kind: group.kind }, value(group)]);
  text.gauge(
    "ktrdr_queue_depth",
    "Queued operations, by the worker type that they prefer and their kind",
    byGroup((group) => group.depth),
  );
  text.gauge(
    "ktrdr_queue_unplaceable",
    "Queued operations that no connected worker could run",
    byGroup((group) => group.unplaceable),
  );
  text.gauge(
    "ktrdr_queue_oldest_wait_seconds",
    "How long the oldest queued operation has waited",
    byGroup((group) => group.oldestWaitMs / 1000),
  );
  text.histogram(
    "ktrdr_dispatch_latency_seconds",
    "From an operation's submission to its first hand-out",
    dispatchLatency.boundsMs.map((bound) => bound / 1000),
    dispatchLatency.counts,
    dispatchLatency.sumMs / 1000,
  );
}

/** Writes zeros too: an alert can then tell "none" from "not asked". */
function workerSamples({ workers }: RegistryMetrics): MetricSample[] {
  const counts = countBy(workers, (worker) => `${worker.workerType} ${worker.status}`);
  return WORKER_TYPES.flatMap((type) =>
    WORKER_STATUSES.map((status): MetricSample => [{ worker_type: type, status }, counts[`${type} ${status}`] ?? 0]),
  );
}

function slotSamples({ workers }: RegistryMetrics, field: "slots" | "slotsUsed"): MetricSample[] {
  return WORKER_TYPES.map((type): MetricSample => {
    const connected = workers.filter((worker) => worker.workerType === type && worker.connected);
    return [{ worker_type: type }, connected.reduce((sum, worker) => sum + worker[field], 0)];
  });
}
