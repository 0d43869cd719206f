/** Brings datasets of the workspace's store onto this node: each once, however many jobs wait for it. */
import type { DatasetRef, Progress } from "../../protocol/index.ts";
import { type DownloadOptions, downloadDataset, type Source } from "./download.ts";
import { Gate } from "./gate.ts";
import type { MarketData } from "./market-data.ts";
import { SharedWork } from "./shared-work.ts";

const DOWNLOADS_AT_ONCE = 2;
const PROGRESS_INTERVAL_MS = 200;

type Listener = (progress: Progress) => void;

export class DatasetFetcher {
  readonly #marketData: MarketData;
  readonly #source: () => Source;
  readonly #options: Pick<DownloadOptions, "backoff" | "patience">;
  readonly #gate = new Gate(DOWNLOADS_AT_ONCE);
  readonly #fetching = new SharedWork<void>();
  /** Who waits, by content hash. */
  readonly #listeners = new Map<string, Set<Listener>>();

  constructor(
    marketData: MarketData,
    source: () => Source,
    options: Pick<DownloadOptions, "backoff" | "patience"> = {},
  ) {
    this.#marketData = marketData;
    this.#source = source;
    this.#options = options;
  }

  /**
   * Resolves when the bars can be opened. Rejects with the signal's reason, or with what `downloadDataset` throws. The
   * download goes on until nobody waits for it any more.
   */
  async fetch(dataset: DatasetRef, signal: AbortSignal, onProgress: Listener): Promise<void> {
    const { sha256 } = dataset;
    const listeners = this.#listeners.get(sha256) ?? new Set();
    this.#listeners.set(sha256, listeners.add(onProgress));
    try {
      await this.#fetching.join(sha256, signal, (stop) => this.#bring(dataset, stop, listeners));
    } finally {
      listeners.delete(onProgress);
      if (listeners.size === 0) this.#listeners.delete(sha256);
    }
  }

  async #bring(
    { symbol, timeframe, sha256 }: DatasetRef,
    signal: AbortSignal,
    listeners: ReadonlySet<Listener>,
  ): Promise<void> {
    const startedAt = performance.now();
    let nextAt = 0;
    const onProgress = ({ bytes, totalBytes }: { bytes: number; totalBytes: number }): void => {
      const now = performance.now();
      if (now < nextAt) return;
      nextAt = now + PROGRESS_INTERVAL_MS;
      const bytesPerSecond = Math.round((bytes * 1000) / Math.max(1, now - startedAt));
      for (const tell of listeners) tell({ phase: "data", fraction: bytes / totalBytes, rates: { bytesPerSecond } });
    };
    const download = { ...this.#options, source: this.#source, sha256, signal, onProgress };
    await this.#gate.pass(signal, async () => {
      const bars = await downloadDataset(download);
      await this.#marketData.import(bars, sha256, {
        symbol,
        timeframe,
        source: this.#source().url,
        replaces: "imported",
      });
    });
  }
}
