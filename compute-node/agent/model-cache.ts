/** Models that stay in memory between the backtests of them: each is fetched once, however many jobs wait for it. */
import { downloadArtefact, type Source } from "./download.ts";
import { RecentCache } from "./recent-cache.ts";
import { SharedWork } from "./shared-work.ts";

/** Hundreds of models of the usual size. */
const KEPT_BYTES = 64 * 1024 * 1024;

export class ModelCache {
  readonly #source: () => Source;
  readonly #kept = new RecentCache<Uint8Array>(KEPT_BYTES, ({ byteLength }) => byteLength);
  readonly #fetching = new SharedWork<Uint8Array>();

  constructor(source: () => Source) {
    this.#source = source;
  }

  /** The model's file, not to be changed. Rejects as `downloadArtefact` does. */
  async open(sha256: string, signal: AbortSignal): Promise<Uint8Array> {
    return this.#kept.get(sha256) ?? this.#fetching.join(sha256, signal, (stop) => this.#fetch(sha256, stop));
  }

  async #fetch(sha256: string, signal: AbortSignal): Promise<Uint8Array> {
    const bytes = await downloadArtefact({ source: this.#source, sha256, signal }, "model");
    this.#kept.put(sha256, bytes);
    return bytes;
  }
}
