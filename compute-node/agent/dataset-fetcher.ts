/** Brings datasets of the workspace's store onto this node: each once, however many jobs wait for it. */
import type { DatasetRef, Progress } from "../../protocol/index.ts";
import { type DownloadOptions, downloadDataset, type Source } from "./download.ts";
import { Gate } from "./gate.ts";
import type { MarketData } from "./jobs.ts";

const DOWNLOADS_AT_ONCE = 2;
const PROGRESS_INTERVAL_MS = 200;

interface Fetching {
  readonly ended: Promise<void>;
  readonly stop: AbortController;
  readonly listeners: Set<(progress: Progress) => void>;
}

export class DatasetFetcher {
  readonly #marketData: MarketData;
  readonly #source: () => Source;
  readonly #options: Pick<DownloadOptions, "backoff" | "patience">;
  readonly #gate = new Gate(DOWNLOADS_AT_ONCE);
  /** By content hash. */
  readonly #fetching = new Map<string, Fetching>();

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
  async fetch(dataset: DatasetRef, signal: AbortSignal, onProgress: (progress: Progress) => void): Promise<void> {
    const fetching = this.#fetching.get(dataset.sha256) ?? this.#begin(dataset);
    fetching.listeners.add(onProgress);
    try {
      await Promise.race([fetching.ended, rejectedBy(signal)]);
    } finally {
      fetching.listeners.delete(onProgress);
      if (fetching.listeners.size === 0) fetching.stop.abort(new Error("nobody waits for the dataset any more"));
    }
  }

  #begin(dataset: DatasetRef): Fetching {
    const stop = new AbortController();
    const listeners: Fetching["listeners"] = new Set();
    const ended = this.#bring(dataset, stop.signal, listeners).finally(() => {
      if (this.#fetching.get(dataset.sha256) === fetching) this.#fetching.delete(dataset.sha256);
    });
    // Those who wait for it are told; when all have left, nobody is.
    ended.catch(() => {});
    stop.signal.addEventListener("abort", () => this.#fetching.delete(dataset.sha256));
    const fetching = { ended, stop, listeners };
    this.#fetching.set(dataset.sha256, fetching);
    return fetching;
  }

  async #bring(
    { symbol, timeframe, sha256 }: DatasetRef,
    signal: AbortSignal,
    listeners: Fetching["listeners"],
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

function rejectedBy(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.throwIfAborted();
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
