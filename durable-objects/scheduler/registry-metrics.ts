/** The data of the metrics endpoints. */
import type { OperationStatus, Worker } from "../../protocol/index.ts";
import type { Counter } from "./counters.ts";
import type { QueueMetrics } from "./queue-metrics.ts";
import type { LatencyHistogram } from "./tally.ts";

export interface RegistryMetrics {
  readonly workers: Worker[];
  readonly operations: Record<OperationStatus, number>;
  readonly counters: Record<Counter, number>;
  readonly dispatchLatency: LatencyHistogram;
  readonly queue: QueueMetrics[];
  /** The size of all stored artefacts. */
  readonly storedBytes: number;
}
