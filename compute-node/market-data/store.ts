/**
 * Market data on a node's disk: columns by content hash, and a catalogue of them.
 *
 *     columns/<sha256>.bars                  written once, never changed
 *     catalogue/<SYMBOL>/<timeframe>.json    which columns a symbol and bar length stand for now
 *
 * Each file is replaced atomically, so several processes may share one folder without a lock.
 */
import { randomUUID } from "node:crypto";
import type { Dirent } from "node:fs";
import { access, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { HOUR_MS } from "../../protocol/durations.ts";
import {
  type DataRequest,
  Problem,
  type ResultWarning,
  sha256 as sha256Schema,
  symbol as symbolSchema,
  timeframe as timeframeSchema,
} from "../../protocol/index.ts";
import { UNFINISHED_PREFIX, writeAtomically } from "./atomic-file.ts";
import { type BarColumns, BYTES_PER_BAR, barsOn, sliceBars } from "./bars.ts";
import { contentHash, encodeBarsFile, readBarsFile } from "./bars-file.ts";
import { isManifestName, watchCatalogue } from "./catalogue-watch.ts";
import { reportGaps } from "./gaps.ts";
import { type DatasetManifest, datasetManifestWire, type GapReport } from "./manifest.ts";
import { RowFaults } from "./row-faults.ts";
import { validateBars } from "./validate.ts";

/** The beginning of a dataset's source when it came out of a workspace's store. */
const IMPORTED = "the store of ";
/** No write takes this long. */
const ABANDONED_MS = HOUR_MS;

interface DatasetDetails {
  readonly symbol: string;
  readonly timeframe: string;
  /** The origin of the bars, for people. */
  readonly source: string;
  /** Made from the bars when absent. */
  readonly gaps?: GapReport;
  readonly warnings?: readonly ResultWarning[];
  /** Now, when absent. */
  readonly loadedAtMs?: number;
}

export interface ImportDetails {
  readonly symbol: string;
  readonly timeframe: string;
  /** The control plane that the bars came from. */
  readonly source: string;
  /** Entries of the catalogue that give way: `all`, or only imported ones, which were not loaded here by hand. */
  readonly replaces: "all" | "imported";
}

interface StoredBars {
  readonly manifest: DatasetManifest;
  /** The asked-for range, on one SharedArrayBuffer with the whole dataset. */
  readonly bars: BarColumns;
}

interface WatchOptions {
  /** The time between two comparisons of the catalogue; file events make it quicker where they work. */
  readonly pollMs?: number;
}

export class MarketDataStore {
  readonly folder: string;
  /** Datasets in memory now; a second job on the same data shares the first one's columns. */
  readonly #opened = new Map<string, WeakRef<SharedArrayBuffer>>();
  readonly #opening = new Map<string, Promise<BarColumns>>();

  /** @param folder made when something is first put into it. */
  constructor(folder: string) {
    this.folder = folder;
  }

  /**
   * Stores validated bars and enters them in the catalogue, instead of the entry that stood there for the symbol and
   * timeframe. The same bars again change nothing. Replaced columns stay on disk for operations that are pinned to
   * their hash, until `prune`. Throws `invalid-request` for a bad symbol or timeframe, `invalid-data` for no bars.
   */
  async put(bars: BarColumns, details: DatasetDetails): Promise<DatasetManifest> {
    return this.#enter(bars, contentHash(bars), details);
  }

  /**
   * Takes in bars of another store, whose content hash the caller has checked, and enters them in the catalogue unless
   * an entry is there that must not give way; `open` finds them in any case. Throws `invalid-data` for bars that break
   * the rules which every loaded file keeps.
   */
  async import(bars: BarColumns, sha256: string, details: ImportDetails): Promise<void> {
    const { symbol, timeframe, replaces } = details;
    const faults = new RowFaults(`dataset ${sha256}`, "row");
    validateBars(bars, (row) => row + 1, faults, { allowNonPositive: true });
    faults.throwIfAny();
    const known = await this.find(symbol, timeframe);
    if (replaces === "all" || known === undefined || known.source.startsWith(IMPORTED)) {
      await this.#enter(bars, sha256, { symbol, timeframe, source: `${IMPORTED}${details.source}` });
    } else await this.#writeColumns(bars, sha256);
    if (bars.timeMs.buffer instanceof SharedArrayBuffer) {
      this.#opened.set(sha256, new WeakRef(bars.timeMs.buffer));
    }
  }

  async #enter(bars: BarColumns, sha256: string, details: DatasetDetails): Promise<DatasetManifest> {
    const path = this.#manifestPath(details.symbol, details.timeframe);
    if (bars.rows === 0) throw new Problem("invalid-data", `There are no bars of ${details.symbol} to store.`);
    const manifest: DatasetManifest = {
      symbol: details.symbol,
      timeframe: details.timeframe,
      sha256,
      rows: bars.rows,
      firstMs: bars.timeMs[0],
      lastMs: bars.timeMs[bars.rows - 1],
      source: details.source,
      loadedAtMs: details.loadedAtMs ?? Date.now(),
      gaps: details.gaps ?? reportGaps(bars.timeMs, details.timeframe),
      warnings: [...(details.warnings ?? [])],
    };
    await this.#writeColumns(bars, manifest.sha256);
    const known = await this.find(details.symbol, details.timeframe);
    if (known !== undefined && isSameDataset(known, manifest)) return known;
    await writeAtomically(path, [Buffer.from(`${JSON.stringify(datasetManifestWire.encode(manifest), null, 2)}\n`)]);
    // Another process may have pruned the columns before it could see this manifest.
    await this.#writeColumns(bars, manifest.sha256);
    return manifest;
  }

  /** Every dataset, by symbol and then by bar length's name. Throws `invalid-data` for a manifest that is damaged. */
  async list(): Promise<DatasetManifest[]> {
    const paths = await this.#manifestPaths();
    const manifests = await Promise.all(paths.map((path) => readManifest(path)));
    return manifests
      .filter((manifest) => manifest !== undefined)
      .sort((a, b) => compareText(a.symbol, b.symbol) || compareText(a.timeframe, b.timeframe));
  }

  /** The dataset of a symbol and timeframe, or undefined. */
  find(symbol: string, timeframe: string): Promise<DatasetManifest | undefined> {
    return readManifest(this.#manifestPath(symbol, timeframe));
  }

  /**
   * The bars that a request asks for. Throws `data-not-found`, naming the data there is, when the symbol and timeframe
   * are not here, when `sha256` pins other bytes, or when no bar lies in the range.
   */
  async read(request: DataRequest): Promise<StoredBars> {
    const manifest = await this.find(request.symbol, request.timeframe);
    if (manifest === undefined) throw await this.#notFound(request);
    const sha256 = request.sha256 ?? manifest.sha256;
    const all = await this.open(sha256);
    const bars = sliceBars(all, request.startMs, request.endMs);
    if (bars.rows === 0) throw emptyRange(request, all);
    if (sha256 === manifest.sha256) return { manifest, bars };
    return {
      manifest: { ...manifest, sha256, rows: all.rows, firstMs: all.timeMs[0], lastMs: all.timeMs[all.rows - 1] },
      bars,
    };
  }

  /**
   * The columns that a content hash names, on one SharedArrayBuffer, checked for damage when they are read.
   * Throws `data-not-found` when they are not here, `invalid-data` when the file is damaged.
   */
  async open(sha256: string): Promise<BarColumns> {
    const buffer = this.#opened.get(sha256)?.deref();
    if (buffer !== undefined) return barsOn(buffer, rowsOf(buffer));
    let opening = this.#opening.get(sha256);
    if (opening === undefined) {
      opening = this.#readColumns(sha256).finally(() => this.#opening.delete(sha256));
      this.#opening.set(sha256, opening);
    }
    return opening;
  }

  /**
   * Takes a dataset out of the catalogue, and its columns off the disk unless another entry needs them.
   * Answers whether it was there.
   */
  async remove(symbol: string, timeframe: string): Promise<boolean> {
    const manifest = await this.find(symbol, timeframe);
    if (manifest === undefined) return false;
    await rm(this.#manifestPath(symbol, timeframe), { force: true });
    await this.#dropColumns(manifest.sha256);
    return true;
  }

  /**
   * Deletes columns that no catalogue entry names any more, and unfinished files that a dead process left over an hour
   * ago. Answers the number of files and bytes freed.
   */
  async prune(): Promise<{ files: number; bytes: number }> {
    const freed = { files: 0, bytes: 0 };
    for (const entry of await foldersEntries(join(this.folder, "columns"))) {
      const sha256 = entry.name.replace(/\.bars$/, "");
      const isUnfinished = entry.name.startsWith(UNFINISHED_PREFIX);
      if (!isUnfinished && !sha256Schema.safeParse(sha256).success) continue;
      const bytes = isUnfinished ? await this.#dropAbandoned(entry.name) : await this.#dropColumns(sha256);
      if (bytes === 0) continue;
      freed.files++;
      freed.bytes += bytes;
    }
    return freed;
  }

  /**
   * Calls back once at the start, and with a short delay after any process changed the catalogue; the callback lists
   * it anew. Does not keep the process alive.
   * Answers the function that ends it.
   */
  watch(onChange: () => void, options: WatchOptions = {}): () => void {
    return watchCatalogue(join(this.folder, "catalogue"), onChange, options.pollMs);
  }

  async #readColumns(sha256: string): Promise<BarColumns> {
    const path = this.#columnsPath(sha256);
    try {
      const bars = await readBarsFile(path, sha256);
      this.#opened.set(sha256, new WeakRef(bars.timeMs.buffer as SharedArrayBuffer));
      return bars;
    } catch (error) {
      if (!isMissing(error)) throw error;
      throw new Problem("data-not-found", `No stored bars have the hash ${sha256}.`, {
        cure: "Load the data again with ktrdr data load, or leave out sha256 to take the newest bars of the symbol.",
      });
    }
  }

  async #writeColumns(bars: BarColumns, sha256: string): Promise<void> {
    const path = this.#columnsPath(sha256);
    if (!(await exists(path))) await writeAtomically(path, encodeBarsFile(bars, sha256));
  }

  /**
   * Deletes columns that no manifest names; answers their bytes, or 0 when they stay. They are first moved aside, so
   * that a `put` of the same bars at the same moment either sees them gone and writes them, or is seen here.
   */
  async #dropColumns(sha256: string): Promise<number> {
    const isNamed = async () => (await this.list()).some((manifest) => manifest.sha256 === sha256);
    if (await isNamed()) return 0;
    const path = this.#columnsPath(sha256);
    const aside = join(this.folder, "columns", `${UNFINISHED_PREFIX}${sha256}-${randomUUID()}`);
    try {
      await rename(path, aside);
    } catch (error) {
      if (isMissing(error)) return 0;
      throw error;
    }
    if (await isNamed()) {
      await rename(aside, path);
      return 0;
    }
    const { size } = await stat(aside);
    await rm(aside, { force: true });
    return size;
  }

  /** Deletes an unfinished file that no one can be writing any more; answers its bytes, or 0 when it stays. */
  async #dropAbandoned(name: string): Promise<number> {
    const path = join(this.folder, "columns", name);
    const found = await stat(path).catch(() => undefined);
    if (found === undefined || Date.now() - found.ctimeMs < ABANDONED_MS) return 0;
    await rm(path, { force: true });
    return found.size;
  }

  async #manifestPaths(): Promise<string[]> {
    const catalogue = join(this.folder, "catalogue");
    const paths: string[] = [];
    for (const entry of await foldersEntries(catalogue)) {
      if (!entry.isDirectory()) continue;
      const files = await foldersEntries(join(catalogue, entry.name));
      for (const file of files) if (isManifestName(file.name)) paths.push(join(catalogue, entry.name, file.name));
    }
    return paths;
  }

  /** Symbols and timeframes are checked before they become a path. */
  #manifestPath(symbol: string, timeframe: string): string {
    requireName(symbolSchema.safeParse(symbol).success, `'${symbol}' is not a symbol`, "AAPL or BTC-USD");
    requireName(timeframeSchema.safeParse(timeframe).success, `'${timeframe}' is not a timeframe`, "5m or 1d");
    return join(this.folder, "catalogue", symbol, `${timeframe}.json`);
  }

  #columnsPath(sha256: string): string {
    requireName(sha256Schema.safeParse(sha256).success, `'${sha256}' is not a content hash`, "64 hexadecimal digits");
    return join(this.folder, "columns", `${sha256}.bars`);
  }

  async #notFound(request: DataRequest): Promise<Problem> {
    const manifests = await this.list();
    const ofSymbol = manifests.filter(({ symbol }) => symbol === request.symbol).map(({ timeframe }) => timeframe);
    const load = `ktrdr data load FILE --symbol ${request.symbol} --timeframe ${request.timeframe}`;
    const message = `There is no ${request.timeframe} data of ${request.symbol} here.`;
    if (ofSymbol.length > 0) {
      return new Problem("data-not-found", `${message} ${request.symbol} is here as ${ofSymbol.join(", ")}.`, {
        cure: `Ask for one of these timeframes, or load it: ${load}`,
      });
    }
    const symbols = [...new Set(manifests.map(({ symbol }) => symbol))];
    const shown = symbols.slice(0, 10).join(", ") + (symbols.length > 10 ? ` and ${symbols.length - 10} more` : "");
    const known = symbols.length === 0 ? "The store is empty." : `The store has ${shown}.`;
    return new Problem("data-not-found", `${message} ${known}`, { cure: `Load it: ${load}` });
  }
}

function rowsOf(buffer: SharedArrayBuffer): number {
  return buffer.byteLength / BYTES_PER_BAR;
}

/** Undefined when there is none. */
async function readManifest(path: string): Promise<DatasetManifest | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  try {
    return datasetManifestWire.parse(JSON.parse(text), "manifest");
  } catch (error) {
    throw new Problem("invalid-data", `The manifest ${path} is damaged: ${(error as Error).message}`, {
      cure: "Delete that file and load the data again with ktrdr data load.",
      cause: error,
    });
  }
}

function isSameDataset(known: DatasetManifest, fresh: DatasetManifest): boolean {
  return isDeepStrictEqual({ ...known, loadedAtMs: 0 }, { ...fresh, loadedAtMs: 0 });
}

function emptyRange(request: DataRequest, bars: BarColumns): Problem {
  const day = (ms: number) => new Date(ms).toISOString().replace(".000Z", "Z");
  const first = day(bars.timeMs[0]);
  const last = day(bars.timeMs[bars.rows - 1]);
  const from = request.startMs === undefined ? "the start" : day(request.startMs);
  const to = request.endMs === undefined ? "the end" : day(request.endMs);
  const subject = `${request.symbol} ${request.timeframe}`;
  return new Problem(
    "data-not-found",
    `${subject} has no bar from ${from} to ${to}; its bars are from ${first} to ${last}.`,
    {
      cure: "Choose a range that overlaps the data.",
    },
  );
}

function requireName(isGood: boolean, message: string, example: string): void {
  if (!isGood) throw new Problem("invalid-request", `${message}.`, { cure: `Write one such as ${example}.` });
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Empty when the folder is not there. */
async function foldersEntries(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
