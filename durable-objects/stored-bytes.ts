/** Reads the size of all stored artefacts at most once a minute: it reads a row for each, and rows read are billed. */
import type { Scheduler } from "./scheduler/index.ts";

const VALID_MS = 60_000;

export class StoredBytes {
  readonly #scheduler: Scheduler;
  #seen = { bytes: 0, at: Number.NEGATIVE_INFINITY };

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  read(now: number): number {
    if (Math.abs(now - this.#seen.at) >= VALID_MS)
      this.#seen = { bytes: this.#scheduler.metrics.storedBytes(), at: now };
    return this.#seen.bytes;
  }
}
