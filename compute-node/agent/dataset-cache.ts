/** Datasets that stay in memory between jobs, the least recently used going first. */
import { type BarColumns, BYTES_PER_BAR } from "../market-data/index.ts";

export class DatasetCache {
  readonly #limitBytes: number;
  readonly #load: (sha256: string) => Promise<BarColumns>;
  /** In order of use, the least recent first. */
  readonly #kept = new Map<string, BarColumns>();
  #bytes = 0;

  /** `limitBytes` bounds what is kept; a dataset above it is handed out and not kept. */
  constructor(limitBytes: number, load: (sha256: string) => Promise<BarColumns>) {
    this.#limitBytes = limitBytes;
    this.#load = load;
  }

  /** Throws what loading throws. */
  async open(sha256: string): Promise<BarColumns> {
    const bars = this.#kept.get(sha256) ?? (await this.#load(sha256));
    this.#drop(sha256);
    this.#kept.set(sha256, bars);
    this.#bytes += bars.rows * BYTES_PER_BAR;
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= this.#limitBytes) break;
      this.#drop(oldest);
    }
    return bars;
  }

  /** What is kept now. */
  get bytes(): number {
    return this.#bytes;
  }

  #drop(sha256: string): void {
    const bars = this.#kept.get(sha256);
    if (bars === undefined) return;
    this.#kept.delete(sha256);
    this.#bytes -= bars.rows * BYTES_PER_BAR;
  }
}
