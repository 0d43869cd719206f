/** The registry's metrics in Prometheus' text exposition format, version 0.0.4. */
import type { RegistryMetrics } from "../durable-objects/scheduler/registry-metrics.ts";

export const PROMETHEUS_MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8";

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number];

/** What each counter counts; its metric is `ktrdr_<name>_total`. */
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
};

export function prometheusText(metrics: RegistryMetrics): string {
  const { workers, operations, counters, queue, dispatchLatency, storedBytes } = metrics;
  const byStatus = countBy(workers, (worker) => worker.status);
  const lines: string[] = [];
  const metric = (name: string, type: "gauge" | "counter", help: string, samples: readonly Sample[]): void => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    for (const [labels, value] of samples) lines.push(`${name}${labelText(labels)} ${value}`);
    lines.push("");
  };
  const gauge = (name: string, help: string, value: number): void => metric(name, "gauge", help, [[{}, value]]);

  gauge("ktrdr_workers_total", "Total number of registered workers", workers.length);
  gauge("ktrdr_workers_available", "Workers in available state", byStatus.available ?? 0);
  gauge("ktrdr_workers_busy", "Workers in busy state", byStatus.busy ?? 0);
  gauge("ktrdr_workers_unavailable", "Workers in unavailable state", byStatus.temporarily_unavailable ?? 0);
  metric("ktrdr_workers", "gauge", "Registered workers, by type and status", workerSamples(metrics));
  metric("ktrdr_worker_slots", "gauge", "Slots of connected workers, by type", slotSamples(metrics, "slots"));
  metric("ktrdr_worker_slots_used", "gauge", "Slots in use, by type", slotSamples(metrics, "slotsUsed"));

  const byOperationStatus = Object.entries(operations).map(([status, count]): Sample => [{ status }, count]);
  metric("ktrdr_operations", "gauge", "Operations that are kept, by status", byOperationStatus);
  const queueSamples = (value: (group: (typeof queue)[number]) => number): Sample[] =>
    queue.map((group) => [{ worker_type: group.workerType, kind: group.kind }, value(group)]);
  metric(
    ...([
      "ktrdr_queue_depth",
      "gauge",
      "Queued operations, by the worker type that they prefer and their kind",
    ] as const),
    queueSamples((group) => group.depth),
  );
  metric(
    ...(["ktrdr_queue_unplaceable", "gauge", "Queued operations that no connected worker could run"] as const),
    queueSamples((group) => group.unplaceable),
  );
  metric(
    ...(["ktrdr_queue_oldest_wait_seconds", "gauge", "How long the oldest queued operation has waited"] as const),
    queueSamples((group) => group.oldestWaitMs / 1000),
  );
  lines.push(...latencyLines(dispatchLatency), "");
  gauge("ktrdr_artefact_bytes", "Bytes in the artefact store, as of the last minute", storedBytes);
  for (const [name, help] of Object.entries(COUNTER_HELP)) {
    metric(`ktrdr_${name}_total`, "counter", help, [[{}, counters[name as keyof typeof counters]]]);
  }
  return lines.join("\n");
}

/** How many items have each key. */
export function countBy<T>(items: readonly T[], key: (item: T) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[key(item)] = (counts[key(item)] ?? 0) + 1;
  return counts;
}

const WORKER_TYPES = ["backtesting", "cpu_training", "gpu_host"] as const;
const WORKER_STATUSES = ["available", "busy", "temporarily_unavailable"] as const;

/** Zeros too: an alert can then tell "none" from "not asked". */
function workerSamples({ workers }: RegistryMetrics): Sample[] {
  const counts = countBy(workers, (worker) => `${worker.workerType} ${worker.status}`);
  return WORKER_TYPES.flatMap((type) =>
    WORKER_STATUSES.map((status): Sample => [{ worker_type: type, status }, counts[`${type} ${status}`] ?? 0]),
  );
}

function slotSamples({ workers }: RegistryMetrics, field: "slots" | "slotsUsed"): Sample[] {
  return WORKER_TYPES.map((type): Sample => {
    const connected = workers.filter((worker) => worker.workerType === type && worker.connected);
    return [{ worker_type: type }, connected.reduce((sum, worker) => sum + worker[field], 0)];
  });
}

/** Buckets are cumulative in this format, and in seconds. */
function latencyLines({ boundsMs, counts, sumMs }: RegistryMetrics["dispatchLatency"]): string[] {
  const name = "ktrdr_dispatch_latency_seconds";
  const lines = [`# HELP ${name} From an operation's submission to its first hand-out`, `# TYPE ${name} histogram`];
  let below = 0;
  for (const [index, count] of counts.entries()) {
    below += count;
    const bound = boundsMs[index];
    lines.push(`${name}_bucket{le="${bound === undefined ? "+Inf" : bound / 1000}"} ${below}`);
  }
  lines.push(`${name}_sum ${sumMs / 1000}`, `${name}_count ${below}`);
  return lines;
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
