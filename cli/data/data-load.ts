/** `ktrdr data load`: checks files or samples and puts them into the store. */
import { basename } from "node:path";
import {
  chooseTimeframe,
  type DatasetManifest,
  datasetManifestWire,
  datasetNameOf,
  type LoadedBars,
  loadFile,
  loadSample,
  MarketDataStore,
  parseColumnChoice,
  reportGaps,
  SAMPLES,
} from "../../compute-node/market-data/index.ts";
import { Problem } from "../../protocol/problem.ts";
import type { Context } from "../terminal/context.ts";
import { momentText } from "../terminal/duration.ts";
import { barText } from "../terminal/progress.ts";
import { gapsText } from "./data-text.ts";

export interface DataLoadOptions {
  symbol?: string;
  timeframe?: string;
  columns?: string[];
  sort?: boolean;
  allowNonPositive?: boolean;
  /** True when no name was given: all samples. */
  sample?: string | true;
}

interface NamedBars extends LoadedBars {
  readonly symbol: string;
  readonly timeframe: string;
  readonly source: string;
}

interface Stored {
  readonly manifest: DatasetManifest;
  /** The store had the same bars already. */
  readonly isKnown: boolean;
}

/** Stores each file before it reads the next. The first bad file ends the command; the files before it stay stored. */
export async function runDataLoad(context: Context, files: readonly string[], options: DataLoadOptions): Promise<void> {
  const store = new MarketDataStore(context.home.data);
  const stored: Stored[] = [];
  for await (const named of options.sample === undefined
    ? fromFiles(context, files, options)
    : fromSamples(options.sample)) {
    stored.push(await put(store, named));
  }
  const datasets = stored.map(({ manifest, isKnown }) => ({
    ...(datasetManifestWire.encode(manifest) as object),
    already_stored: isKnown,
  }));
  context.answer({ datasets }, () => `${stored.map(describe).join("\n")}\nStored in ${store.folder}`);
}

async function* fromSamples(sample: string | true): AsyncGenerator<NamedBars> {
  const names = sample === true ? Object.keys(SAMPLES) : [sample.toUpperCase()];
  for (const name of names) yield await loadSample(name);
}

async function* fromFiles(
  context: Context,
  files: readonly string[],
  options: DataLoadOptions,
): AsyncGenerator<NamedBars> {
  const columns = parseColumnChoice(options.columns ?? []);
  for (const path of files) {
    const file = basename(path);
    const symbol = options.symbol ?? symbolFromName(context, path);
    const progress = progressLine(context, file);
    const loaded = await loadFile(path, { ...options, columns, onProgress: progress.update }).finally(progress.end);
    const given = options.timeframe ?? datasetNameOf(path).timeframe;
    const chosen = chooseTimeframe(loaded.bars, given, file);
    if (given === undefined) {
      context.note(`${file}: most bars are ${chosen.timeframe} apart, so the timeframe is ${chosen.timeframe}.`);
    }
    const warnings = [...loaded.warnings, ...chosen.warnings];
    yield { bars: loaded.bars, warnings, symbol, timeframe: chosen.timeframe, source: file };
  }
}

function symbolFromName(context: Context, path: string): string {
  const { symbol } = datasetNameOf(path);
  const file = basename(path);
  if (symbol === undefined) {
    throw new Problem("invalid-request", `The name ${file} does not say which symbol it is.`, {
      cure: "Say it, as in --symbol AAPL, or name the file like AAPL_1d.csv.",
    });
  }
  context.note(`${file}: the symbol is ${symbol}, from the file's name.`);
  return symbol;
}

async function put(store: MarketDataStore, named: NamedBars): Promise<Stored> {
  const before = await store.find(named.symbol, named.timeframe);
  const gaps = reportGaps(named.bars.timeMs, named.timeframe);
  const manifest = await store.put(named.bars, { ...named, gaps });
  return { manifest, isKnown: before?.sha256 === manifest.sha256 };
}

function describe({ manifest, isKnown }: Stored): string {
  const { symbol, timeframe, rows, firstMs, lastMs, sha256 } = manifest;
  const range = `${momentText(firstMs)} to ${momentText(lastMs)}`;
  const known = isKnown ? " (stored already)" : "";
  return [
    `${symbol} ${timeframe}: ${rows.toLocaleString("en")} bars, ${range}, sha256 ${sha256.slice(0, 12)}${known}`,
    `  ${gapsText(manifest.gaps)}`,
    ...manifest.warnings.map((warning) => `  note: ${warning.message}`),
  ].join("\n");
}

/** A progress bar on a terminal for files that take a while; nothing elsewhere. */
function progressLine(context: Context, file: string): { update(fraction: number): void; end(): void } {
  const { stderr } = context;
  let isShown = false;
  return {
    update(fraction) {
      if (stderr.isTTY !== true || fraction === 0) return;
      stderr.write(`\r${barText(fraction)}  reading ${file}`);
      isShown = true;
    },
    end() {
      if (isShown) stderr.write("\r\u001b[K");
    },
  };
}
