/** From a file on disk to checked bars, and to the names under which they are stored. */
import { readFile, stat } from "node:fs/promises";
import { basename } from "node:path";
import {
  Problem,
  type ResultWarning,
  symbol as symbolSchema,
  timeframe as timeframeSchema,
} from "../../protocol/index.ts";
import type { BarColumns } from "./bars.ts";
import { type LoadedBars, type LoadOptions, parseCsv } from "./csv.ts";
import { commonStepMs, timeframeMs, timeframeOfStep } from "./timeframe.ts";

/** The most that Node reads into one buffer. */
const LARGEST_FILE_BYTES = 2 ** 31 - 1;
const PARQUET_MAGIC = "PAR1";

/** Loads a CSV or Parquet file, told apart by its content. Throws `not-found`, `too-large` or `invalid-data`. */
export async function loadFile(path: string, options: LoadOptions = {}): Promise<LoadedBars> {
  const bytes = await readWhole(path);
  const file = basename(path);
  if (Buffer.from(bytes.subarray(0, PARQUET_MAGIC.length)).toString("latin1") !== PARQUET_MAGIC) {
    return parseCsv(bytes, file, options);
  }
  const { parseParquet } = await import("./parquet.ts");
  return parseParquet(bytes, file, options);
}

async function readWhole(path: string): Promise<Uint8Array> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) {
      throw new Problem("invalid-request", `${path} is a folder.`, { cure: "Give the files in it one by one." });
    }
    if (found.size > LARGEST_FILE_BYTES) {
      const message = `${path} has ${found.size} bytes; a file may have ${LARGEST_FILE_BYTES}.`;
      throw new Problem("too-large", message, { cure: "Save it as Parquet, or split it by time." });
    }
    return await readFile(path);
  } catch (error) {
    if (error instanceof Problem) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new Problem("not-found", `${path} cannot be read: ${why}`, { cure: "Check the path.", cause: error });
  }
}

interface DatasetName {
  readonly symbol?: string;
  readonly timeframe?: string;
}

/**
 * Reads a file's name: `AAPL_1d.csv` and `BTC-USD-5m.csv` name both, `EURUSD.csv` only the symbol. A word in lower
 * case, such as `prices.csv`, is not taken for a symbol unless a timeframe follows it.
 */
export function datasetNameOf(path: string): DatasetName {
  const stem = basename(path).replace(/\.(csv|tsv|txt|parquet|pq)$/i, "");
  const [, symbol, timeframe] = /^(.+)[_-](\d{1,4}(?:mo|[smhdw]))$/.exec(stem) ?? [];
  if (symbol !== undefined && symbolSchema.safeParse(symbol).success && timeframeSchema.safeParse(timeframe).success) {
    return { symbol, timeframe };
  }
  const isClear = symbolSchema.safeParse(stem).success && /[A-Z]/.test(stem) && !/[a-z]/.test(stem);
  return isClear ? { symbol: stem } : {};
}

interface ChosenTimeframe {
  readonly timeframe: string;
  readonly warnings: readonly ResultWarning[];
}

/**
 * The bar length to store bars under: the given one, when the bars are not closer together than that, or the most
 * common distance between bars. Throws `invalid-data` when neither gives an answer.
 */
export function chooseTimeframe(bars: BarColumns, given: string | undefined, file: string): ChosenTimeframe {
  const stepMs = commonStepMs(bars.timeMs);
  const found = stepMs === null ? null : timeframeOfStep(stepMs);
  if (given === undefined) {
    if (found !== null) return { timeframe: found, warnings: [] };
    const why = stepMs === null ? "it has one row" : `most of its rows are ${stepMs} ms apart`;
    throw new Problem("invalid-data", `The bar length of ${file} is not clear: ${why}.`, {
      cure: "Say it, as in --timeframe 1d.",
    });
  }
  const givenMs = timeframeMs(given);
  const distance = found ?? `${stepMs} ms`;
  if (stepMs !== null && stepMs < givenMs * 0.9) {
    throw new Problem(
      "invalid-data",
      `The bars of ${file} are ${distance} apart, closer than the timeframe ${given}.`,
      {
        cure: found === null ? "Give the timeframe that the bars have." : `Load them with --timeframe ${found}.`,
      },
    );
  }
  if (stepMs === null || stepMs < givenMs * 1.5) return { timeframe: given, warnings: [] };
  const message = `The bars are mostly ${distance} apart, although the timeframe is ${given}.`;
  return { timeframe: given, warnings: [{ code: "timeframe-sparse", message, count: 1 }] };
}
