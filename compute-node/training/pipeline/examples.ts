/** Which rows of a set stand for an example. */
import type { FeatureMatrix } from "../../strategy/index.ts";
import type { Labels } from "./labels/bar-labels.ts";
import { PARTS, type Part, type Split } from "./split.ts";

/** The rows of one symbol within the set: from its first defined bar on. */
export interface SymbolRows {
  readonly symbol: string;
  /** Its first row in the set. */
  readonly firstRow: number;
  readonly rows: number;
  /** The bar that its first row is. */
  readonly firstBar: number;
}

/** One symbol on its way into the set. */
export interface SymbolColumns extends SymbolRows {
  readonly matrix: FeatureMatrix;
  readonly labels: Labels;
  readonly timeMs: Float64Array;
  /** 1 for each bar at which every feature is finite. */
  readonly finite: Uint8Array;
  /** The timeframe whose bars end first, and how many bars of the base timeframe come after; null where none does. */
  readonly stale: StaleTimeframe | null;
}

export interface StaleTimeframe {
  readonly timeframe: string;
  readonly bars: number;
}

/** Bars that have features and a label that no later bar changes. */
interface Examples {
  /** Row of the set. */
  readonly rows: Uint32Array;
  readonly timeMs: Float64Array;
  readonly settledMs: Float64Array;
  readonly counts: ExampleCounts;
}

export interface ExampleCounts {
  /** Bars before the first one at which every feature is defined. */
  readonly warmUp: number;
  /** Later bars at which some feature is not defined. */
  readonly undefinedFeatures: number;
  readonly unlabelled: number;
  /** Bars whose label later bars may still change. */
  readonly unsettled: number;
}

export function findExamples(columns: readonly SymbolColumns[]): Examples {
  const most = columns.reduce((sum, symbol) => sum + symbol.rows, 0);
  const rows = new Uint32Array(most);
  const timeMs = new Float64Array(most);
  const settledMs = new Float64Array(most);
  const counts = { warmUp: 0, undefinedFeatures: 0, unlabelled: 0, unsettled: 0 };
  let count = 0;
  for (const symbol of columns) {
    const { values, settledAt } = symbol.labels;
    const bars = symbol.timeMs.length;
    counts.warmUp += symbol.firstBar;
    for (let bar = symbol.firstBar; bar < bars; bar++) {
      if (symbol.finite[bar] === 0) counts.undefinedFeatures++;
      else if (Number.isNaN(values[bar])) counts.unlabelled++;
      else if (settledAt[bar] >= bars) counts.unsettled++;
      else {
        rows[count] = symbol.firstRow + bar - symbol.firstBar;
        timeMs[count] = symbol.timeMs[bar];
        settledMs[count++] = symbol.timeMs[settledAt[bar]];
      }
    }
  }
  const upTo = { rows: rows.subarray(0, count), timeMs: timeMs.subarray(0, count) };
  return { ...upTo, settledMs: settledMs.subarray(0, count), counts };
}

export type Parts = Readonly<Record<Part, Uint32Array>>;

/**
 * Rows of the set for each part: those whose window of `length` rows lies within one symbol and one part and has every
 * feature.
 */
export function completeWindows(
  { rows }: Examples,
  split: Split,
  columns: readonly SymbolColumns[],
  length: number,
): { parts: Parts; shortWindows: number } {
  const runs = length === 1 ? null : windowRuns(columns, split);
  let shortWindows = 0;
  const chosen = PARTS.map((part) => {
    const kept = split[part].map((example) => rows[example]);
    if (runs === null) return kept;
    const complete = kept.filter((row) => runs[row] >= length);
    shortWindows += kept.length - complete.length;
    return complete;
  });
  return { parts: { training: chosen[0], validation: chosen[1], test: chosen[2] }, shortWindows };
}

/** For each row, how many rows up to it follow each other in one symbol and part with every feature. */
function windowRuns(columns: readonly SymbolColumns[], { validationMs, testMs }: Split): Uint32Array {
  const last = columns[columns.length - 1];
  const runs = new Uint32Array(last.firstRow + last.rows);
  for (const { firstRow, firstBar, timeMs, finite } of columns) {
    let run = 0;
    let part = 0;
    for (let bar = firstBar; bar < timeMs.length; bar++) {
      const next = Number(timeMs[bar] >= validationMs) + Number(timeMs[bar] >= testMs);
      if (next !== part) run = 0;
      part = next;
      run = finite[bar] === 1 ? run + 1 : 0;
      runs[firstRow + bar - firstBar] = run;
    }
  }
  return runs;
}
