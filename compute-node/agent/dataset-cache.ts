/** Datasets that stay in memory between jobs, the least recently used going first. */
import { type BarColumns, BYTES_PER_BAR } from "../market-data/index.ts";
import { RecentCache } from "./recent-cache.ts";

export class DatasetCache {
  readonly #kept: RecentCache<BarColumns>;
  readonly #load: (sha256: string) => Promise<BarColumns>;

  /** `limitBytes` bounds the kept datasets; a larger dataset is handed out and not kept. */
  constructor(limitBytes: number, load: (sha256: string) => Promise<BarColumns>) {
    this.#kept = new RecentCache(limitBytes, ({ rows }) => rows * BYTES_PER_BAR);
    this.#load = load;
  }

  /** Throws what loading throws. */
  async open(sha256: string): Promise<BarColumns> {
    const kept = this.#kept.get(sha256);
    if (kept !== undefined) return kept;
    const bars = await this.#load(sha256);
    this.#kept.put(sha256, bars);
    return bars;
  }
}
