/**
 * Counts the events of every operation. Each step leaves its counts here in memory, and the tick writes their sums, so that no
 * operation costs a statement more. A crash loses at most the counts since the last tick.
 */
import { addToCounters, type Counter, readCounters } from "./counters.ts";
import type { Sql } from "./sql.ts";

/** Upper bounds of the dispatch latency's buckets, in milliseconds; the last bucket has none. */
export const LATENCY_BOUNDS_MS = [
  5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 1_800_000, 3_600_000,
] as const;

/** From an operation's submission to its first hand-out. */
export interface LatencyHistogram {
  readonly boundsMs: readonly number[];
  /** One for each bound, and one above them all; each operation is in exactly one. */
  readonly counts: readonly number[];
  readonly sumMs: number;
}

/** One count of a step: a name, and the amount that it rises by. */
export type Observation = readonly [
  name: Counter | typeof LATENCY_SUM | `${typeof LATENCY_BUCKET}${number}`,
  by: number,
];

const LATENCY_SUM = "dispatch_latency_sum_ms";
const LATENCY_BUCKET = "dispatch_latency_bucket_";

export function observeDispatch(observations: Observation[], latencyMs: number): void {
  // A clock that was set back makes no negative latency.
  const waitedMs = Math.max(0, latencyMs);
  observations.push([`${LATENCY_BUCKET}${bucketOf(waitedMs)}`, 1], [LATENCY_SUM, waitedMs]);
}

export class Tally {
  readonly #sql: Sql;
  readonly #pending = new Map<string, number>();

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Takes over the counts of a committed step. */
  add(observations: readonly Observation[]): void {
    for (const [name, by] of observations) this.#pending.set(name, (this.#pending.get(name) ?? 0) + by);
  }

  /** Writes the sums so far, in one statement. */
  flush(): void {
    if (this.#pending.size === 0) return;
    addToCounters(this.#sql, this.#pending);
    this.#pending.clear();
  }

  /** Returns all counts by name, with those that are not written yet. */
  values(): Map<string, number> {
    const values = readCounters(this.#sql);
    for (const [name, by] of this.#pending) values.set(name, (values.get(name) ?? 0) + by);
    return values;
  }
}

export function latencyHistogram(values: ReadonlyMap<string, number>): LatencyHistogram {
  const counts = Array.from(
    { length: LATENCY_BOUNDS_MS.length + 1 },
    (_, bucket) => values.get(`${LATENCY_BUCKET}${bucket}`) ?? 0,
  );
  return { boundsMs: LATENCY_BOUNDS_MS, counts, sumMs: values.get(LATENCY_SUM) ?? 0 };
}

function bucketOf(latencyMs: number): number {
  const bucket = LATENCY_BOUNDS_MS.findIndex((bound) => latencyMs <= bound);
  return bucket === -1 ? LATENCY_BOUNDS_MS.length : bucket;
}
