/** Counts and measures for the metrics endpoints. */
import { storedBytes } from "./artefact-index.ts";
import { COUNTERS, type Counter, count } from "./counters.ts";
import type { OperationStore } from "./operation-store.ts";
import { type QueueMetrics, queueMetrics } from "./queue-metrics.ts";
import type { Steps } from "./steps.ts";
import { type LatencyHistogram, latencyHistogram } from "./tally.ts";

export class Metrics {
  readonly #steps: Steps;

  constructor(steps: Steps) {
    this.#steps = steps;
  }

  /** Returns the counts since the beginning, and the times from submission to the first hand-out. */
  counters(): { counters: Record<Counter, number>; dispatchLatency: LatencyHistogram } {
    const values = this.#steps.tally.values();
    const counters = Object.fromEntries(COUNTERS.map((name) => [name, values.get(name) ?? 0]));
    return { counters: counters as Record<Counter, number>, dispatchLatency: latencyHistogram(values) };
  }

  queue(now: number): QueueMetrics[] {
    return queueMetrics(this.#steps.state, now);
  }

  /** Sums the bytes of all stored artefacts; reads a row for each. */
  storedBytes(): number {
    return storedBytes(this.#steps.sql);
  }

  /** Counts an event that the shell alone sees, such as a message that is not JSON. */
  count(name: Counter): void {
    count(this.#steps.sql, name);
  }

  /** Counts likewise, in memory until the next tick, for events that may be many in a moment. */
  tally(name: Counter, by: number): void {
    this.#steps.tally.add([[name, by]]);
  }

  operationCounts(): ReturnType<OperationStore["countByStatus"]> {
    return this.#steps.state.operations.countByStatus();
  }
}
