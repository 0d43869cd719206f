/** `GET /metrics` of a node: its jobs and its stores, counted since its process began. */
import { statfsSync } from "node:fs";
import { freemem, totalmem } from "node:os";
import type { Lease, Progress } from "../../protocol/index.ts";
import { type MetricSample, PrometheusText } from "../../telemetry/index.ts";
import type { NodeHealth } from "./health.ts";
import { type JobOutcome, leaseKey, type UploadOutcome } from "./state.ts";

const JOB_OUTCOMES: readonly JobOutcome["type"][] = ["result", "failed", "stopped"];
const UPLOAD_OUTCOMES: readonly UploadOutcome["type"][] = ["stored", "unreachable", "refused"];

export class NodeMetrics {
  readonly #started = new Map<string, number>();
  readonly #ended = new Map<string, number>();
  readonly #uploads = new Map<string, number>();
  /** The newest rates of each job that runs. */
  readonly #rates = new Map<string, Progress["rates"]>();
  #connections = 0;

  connected(): void {
    this.#connections += 1;
  }

  jobStarted(kind: string): void {
    increase(this.#started, kind);
  }

  jobProgressed(lease: Lease, { rates }: Progress): void {
    this.#rates.set(leaseKey(lease), rates);
  }

  jobEnded(lease: Lease, outcome: JobOutcome): void {
    this.#rates.delete(leaseKey(lease));
    increase(this.#ended, outcome.type);
  }

  uploadEnded(outcome: UploadOutcome): void {
    increase(this.#uploads, outcome.type);
  }

  /** `gpuTemperaturesC` is empty where nothing tells, `spansDropped` null where nothing is traced. */
  text(
    node: NodeHealth & { workerType: string },
    home: string,
    gpuTemperaturesC: readonly number[],
    spansDropped: number | null = null,
  ): string {
    const text = new PrometheusText();
    const { workerId, workerType, version } = node;
    text.gauge("ktrdr_node_info", "The node; always 1", [
      [{ worker_id: workerId, worker_type: workerType, version }, 1],
    ]);
    text.gauge("ktrdr_node_connected", "Whether the control plane is connected", node.connected ? 1 : 0);
    text.gauge("ktrdr_node_draining", "Whether nothing new is taken", node.workerStatus === "draining" ? 1 : 0);
    text.gauge("ktrdr_node_slots", "Jobs that may run at once", node.slots);
    text.gauge("ktrdr_node_slots_used", "Slots in use", node.slotsUsed);
    text.counter("ktrdr_node_connections_total", "Connections that were opened", this.#connections);
    text.counter("ktrdr_node_jobs_started_total", "Jobs that began, by kind", samples("kind", this.#started));
    text.counter(
      "ktrdr_node_jobs_ended_total",
      "Jobs that ended, by outcome",
      samples("outcome", this.#ended, JOB_OUTCOMES),
    );
    text.counter(
      "ktrdr_node_uploads_total",
      "Tries to upload a result or a checkpoint, by outcome",
      samples("outcome", this.#uploads, UPLOAD_OUTCOMES),
    );
    text.gauge("ktrdr_node_rate", "What the running jobs do in a second, together, by rate", this.#rateSamples());
    if (spansDropped !== null) {
      const help = "Spans of traces that the collector did not take";
      text.counter("ktrdr_node_spans_dropped_total", help, spansDropped);
    }
    writeMachine(text, home);
    if (gpuTemperaturesC.length > 0) {
      text.gauge(
        "ktrdr_node_gpu_temperature_celsius",
        "Temperature of each GPU that tells",
        gpuTemperaturesC.map((temperature, index) => [{ gpu: String(index) }, temperature]),
      );
    }
    return text.toString();
  }

  #rateSamples(): MetricSample[] {
    const sums = new Map<string, number>();
    for (const rates of this.#rates.values()) {
      for (const [rate, value] of Object.entries(rates)) increase(sums, rate, value);
    }
    return samples("rate", sums);
  }
}

function writeMachine(text: PrometheusText, home: string): void {
  const { rss, heapUsed } = process.memoryUsage();
  text.gauge("ktrdr_node_resident_bytes", "Memory of the node's process, with its job threads", rss);
  text.gauge("ktrdr_node_heap_bytes", "JavaScript heap of the node's main thread", heapUsed);
  text.gauge("ktrdr_node_machine_memory_bytes", "Memory of the machine", totalmem());
  text.gauge("ktrdr_node_machine_memory_free_bytes", "Free memory of the machine", freemem());
  const { bavail, blocks, bsize } = statfsSync(home);
  text.gauge("ktrdr_node_disk_bytes", "Size of the disk that holds the node's home", blocks * bsize);
  text.gauge("ktrdr_node_disk_free_bytes", "What is free there for the node", bavail * bsize);
}

/** `always`: values that are there from the beginning, so that a rate over them never misses the first. */
function samples(label: string, values: ReadonlyMap<string, number>, always: readonly string[] = []): MetricSample[] {
  const names = new Set([...always, ...values.keys()]);
  return [...names].map((name) => [{ [label]: name }, values.get(name) ?? 0]);
}

function increase(values: Map<string, number>, name: string, by = 1): void {
  values.set(name, (values.get(name) ?? 0) + by);
}
