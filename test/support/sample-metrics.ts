/** A registry's metrics with something in every one of them. */
import { COUNTERS, LATENCY_BOUNDS_MS, type RegistryMetrics } from "../../durable-objects/scheduler/index.ts";
import type { Worker } from "../../protocol/index.ts";

export function sampleMetrics(): RegistryMetrics {
  const counts = [3, 2, ...Array.from({ length: LATENCY_BOUNDS_MS.length - 2 }, () => 0), 1];
  return {
    workers: [
      sampleWorker({ workerId: "desk", workerType: "backtesting", status: "available", slots: 4, connected: true }),
      sampleWorker({
        workerId: "gpu",
        workerType: "gpu_host",
        status: "temporarily_unavailable",
        connected: false,
        refusal: "too old",
      }),
    ],
    operations: { queued: 7, running: 0, completed: 2, failed: 1, cancelled: 0 },
    counters: Object.fromEntries(COUNTERS.map((name, index) => [name, index])) as RegistryMetrics["counters"],
    dispatchLatency: { boundsMs: LATENCY_BOUNDS_MS, counts, sumMs: 4020 },
    queue: [{ workerType: "gpu_host", kind: "train", depth: 7, unplaceable: 7, oldestWaitMs: 90_500 }],
    storedBytes: 123_456,
  };
}

function sampleWorker(differences: Partial<Worker>): Worker {
  return {
    workerId: "worker",
    workerType: "backtesting",
    endpointUrl: "",
    status: "available",
    currentOperationId: null,
    currentOperationIds: [],
    capabilities: { slots: 1, kinds: ["backtest"], labels: {}, datasets: [] },
    lastHealthCheck: null,
    lastHealthyAt: null,
    healthCheckFailures: 0,
    metadata: {},
    slots: 1,
    slotsUsed: 0,
    epoch: 1,
    connected: true,
    draining: false,
    softwareVersion: "0.1.0",
    protocolVersion: 2,
    refusal: null,
    lastSelectedAt: null,
    registeredAt: 0,
    ...differences,
  };
}
