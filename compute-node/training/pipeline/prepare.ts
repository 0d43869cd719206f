/** Makes a network's training set from a strategy and bars, with a report of its faults. */
import { DAY_MS } from "../../../protocol/durations.ts";
import { Problem } from "../../../protocol/problem.ts";
import type { NeuralStrategy } from "../../../protocol/strategy-neural.ts";
import type { BarColumns } from "../../market-data/bars.ts";
import { timeframeMs } from "../../market-data/timeframe.ts";
import {
  type BarsByTimeframe,
  computeFeaturesOfSymbols,
  type FeatureOptions,
  resolveNeural,
} from "../../strategy/index.ts";
import type { Labels as SetLabels, TrainingSet } from "../network.ts";
import { balancedClassWeights, countClasses, weightedRows } from "./class-weights.ts";
import {
  completeWindows,
  findExamples,
  type Parts,
  type StaleTimeframe,
  type SymbolColumns,
  type SymbolRows,
} from "./examples.ts";
import type { Labels } from "./labels/bar-labels.ts";
import { type LabelConfig, labelConfigOf } from "./labels/label-config.ts";
import { labelBars } from "./labels/labels.ts";
import { inspect, type PreflightReport } from "./preflight.ts";
import { type FeatureScale, fillRows, finiteRows, fitScale } from "./scaling.ts";
import { splitExamples, splitFractionsOf } from "./split.ts";

interface PrepareRequest {
  readonly strategy: NeuralStrategy;
  /** Every symbol of the strategy, with all of its timeframes. */
  readonly bars: Readonly<Record<string, BarsByTimeframe>>;
  readonly context?: FeatureOptions["context"];
  /** Share of all examples that is left out before each boundary of the split; 0.01 by default. */
  readonly embargoFraction?: number;
}

export interface PreparedTraining {
  readonly set: TrainingSet;
  /** In the order of the columns, with how each was scaled. */
  readonly features: readonly FeatureScale[];
  readonly labels: LabelConfig;
  /** In the order of the outputs; empty for a regression. */
  readonly classNames: readonly string[];
  /** Inverse frequencies of the training rows; null for a regression. */
  readonly classWeights: readonly number[] | null;
  readonly symbols: readonly SymbolRows[];
  /** Time of each row's bar. */
  readonly timeMs: Float64Array;
  /** For each row the newest label of its symbol that is known when its bar closes, or NaN. */
  readonly knownLabels: Float32Array;
  /** 1 for an mlp. */
  readonly sequenceLength: number;
  /** First bars of validation and test; infinite for a part without rows. */
  readonly validationMs: number;
  readonly testMs: number;
  readonly report: PreflightReport;
}

/**
 * Each symbol is labelled on its own bars of the base timeframe; rows follow in the order of the strategy's symbols.
 * Features are those of the backtest (`computeFeatures`). Rows without a feature, a label, or a settled label stand for
 * nothing; raw features are scaled as their input asks for, by the training rows alone.
 *
 * Throws a `Problem`: `invalid-strategy` for its faults; `data-not-found` for bars that are not given; `invalid-data` for
 * bars that cannot be labelled. Facts that are only worth knowing, and those that make a run pointless, are in the report.
 */
export function prepareTraining(request: PrepareRequest): PreparedTraining {
  const { strategy, bars, context, embargoFraction = 0.01 } = request;
  const config = labelConfigOf(strategy);
  const matrices = computeFeaturesOfSymbols(strategy, bars, context === undefined ? {} : { context });
  const { baseTimeframe, symbols } = resolveNeural(strategy);
  if (symbols.length === 0)
    throw new Problem("invalid-strategy", "The strategy names no symbols to learn from.", {
      cure: "List them under training_data.symbols: selection_criteria alone find none.",
    });
  const columns = placeSymbols(symbols, (symbol) => {
    const base = bars[symbol][baseTimeframe];
    return {
      matrix: matrices[symbol],
      labels: labelBars(config, base),
      base,
      stale: staleTimeframe(bars[symbol], base),
    };
  });
  const sequenceLength = sequenceLengthOf(strategy);
  const examples = findExamples(columns);
  const split = splitExamples(examples, { fractions: splitFractionsOf(strategy.training), embargoFraction });
  const { parts, shortWindows } = completeWindows(examples, split, columns, sequenceLength);
  const scales = fitScales(columns, parts.training);
  const rows = columns.reduce((sum, symbol) => sum + symbol.rows, 0);
  const set = assemble(columns, scales, parts, rows);
  const { classNames } = columns[0].labels;
  const report = inspect({
    columns,
    scales,
    set,
    classNames,
    isRegression: strategy.decisions.output_format === "regression" || config.source === "forward_return",
    counts: { ...examples.counts, purged: split.purged, embargoed: split.embargoed, shortWindows },
    wantsValidation: split.validationMs < split.testMs,
    wantsTest: split.testMs < Number.POSITIVE_INFINITY,
  });
  const timeMs = new Float64Array(rows);
  const knownLabels = new Float32Array(rows);
  for (const { labels, firstBar, firstRow, timeMs: times } of columns) {
    timeMs.set(times.subarray(firstBar), firstRow);
    knownLabels.set(newestKnown(labels).subarray(firstBar), firstRow);
  }
  return {
    set,
    features: scales,
    labels: config,
    classNames,
    classWeights: classNames.length === 0 ? null : trainingWeights(set, classNames.length),
    symbols: columns.map(({ symbol, firstRow, firstBar, rows: count }) => ({
      symbol,
      firstRow,
      firstBar,
      rows: count,
    })),
    timeMs,
    knownLabels,
    sequenceLength,
    validationMs: split.validationMs,
    testMs: split.testMs,
    report,
  };
}

function trainingWeights({ labels, training }: TrainingSet, classes: number): number[] {
  return balancedClassWeights(countClasses(labels.values, training, classes));
}

/** Rows in a window of the strategy's network: 1 for an mlp. */
function sequenceLengthOf({ model }: NeuralStrategy): number {
  const architecture = (model.architecture ?? {}) as Readonly<Record<string, unknown>>;
  const isRecurrent = model.type === "lstm" || model.type === "gru";
  return isRecurrent && typeof architecture.sequence_length === "number" ? architecture.sequence_length : 1;
}

function placeSymbols(
  symbols: readonly string[],
  of: (symbol: string) => Pick<SymbolColumns, "matrix" | "labels" | "stale"> & { base: BarColumns },
): SymbolColumns[] {
  let firstRow = 0;
  return symbols.map((symbol) => {
    const { matrix, labels, stale, base } = of(symbol);
    const firstBar = matrix.firstRow;
    const rows = matrix.rows - firstBar;
    const finite = finiteRows(matrix);
    const placed = { symbol, firstRow, firstBar, rows, matrix, labels, stale, timeMs: base.timeMs, finite };
    firstRow += rows;
    return placed;
  });
}

/** A bar later than its timeframe's length is usual over nights, weekends and holidays; a week is not. */
const STALE_MS = 7 * DAY_MS;

/** Features of a timeframe whose bars end early stay what they were: bars after that learn from the past. */
function staleTimeframe(bars: BarsByTimeframe, base: BarColumns): StaleTimeframe | null {
  let stale: StaleTimeframe | null = null;
  for (const [timeframe, { timeMs, rows }] of Object.entries(bars)) {
    const lastMs = (timeMs[rows - 1] ?? Number.NEGATIVE_INFINITY) + timeframeMs(timeframe) + STALE_MS;
    const count = base.timeMs.reduce((sum, time) => sum + Number(time > lastMs), 0);
    if (count > (stale?.bars ?? 0)) stale = { timeframe, bars: count };
  }
  return stale;
}

function fitScales(columns: readonly SymbolColumns[], training: Uint32Array): FeatureScale[] {
  const isScaled = columns[0].matrix.features.some(({ normalization }) => normalization !== "none");
  const rowsOf = columns.map((symbol) => (isScaled ? barsOf(symbol, training) : new Uint32Array()));
  return columns[0].matrix.features.map(({ name, normalization }, k) =>
    fitScale(
      name,
      normalization,
      columns.map(({ matrix }, index) => ({ values: matrix.columns[k], trainingRows: rowsOf[index] })),
    ),
  );
}

/** The bars of a symbol that rows of the set stand for; rows ascend. */
function barsOf({ firstRow, firstBar, rows }: SymbolColumns, setRows: Uint32Array): Uint32Array {
  const from = setRows.findIndex((row) => row >= firstRow);
  if (from === -1) return new Uint32Array();
  const own = setRows.slice(from);
  let count = 0;
  while (count < own.length && own[count] < firstRow + rows) own[count++] += firstBar - firstRow;
  return own.subarray(0, count);
}

function assemble(
  columns: readonly SymbolColumns[],
  scales: readonly FeatureScale[],
  parts: Parts,
  rows: number,
): TrainingSet {
  const features = new Float32Array(new SharedArrayBuffer(4 * rows * scales.length));
  const isRegression = columns[0].labels.classNames.length === 0;
  const values = isRegression ? new Float32Array(rows) : new Uint8Array(rows);
  const weights = columns.some(({ labels }) => labels.weights !== null) ? new Float32Array(rows) : null;
  for (const { matrix, labels, firstRow, firstBar, finite } of columns) {
    fillRows(matrix.columns, scales, finite, firstBar, features, firstRow);
    // NaN, the missing label, becomes 0 in bytes; in floats it is cleared, since nothing may read it.
    values.set(labels.values.subarray(firstBar), firstRow);
    if (weights !== null && labels.weights !== null) weights.set(labels.weights.subarray(firstBar), firstRow);
  }
  if (values instanceof Float32Array) clearNaN(values);
  const training = weights === null ? parts.training : weightedRows(parts.training, weights);
  const labels: SetLabels = values instanceof Float32Array ? { kind: "values", values } : { kind: "classes", values };
  return { features, inputs: scales.length, labels, ...parts, training };
}

/** For each bar the label of the latest bar whose label is settled by then, or NaN. */
function newestKnown({ values, settledAt }: Labels): Float32Array {
  const bars = values.length;
  const newest = new Int32Array(bars).fill(-1);
  for (let bar = 0; bar < bars; bar++) {
    const at = settledAt[bar];
    if (at < bars && !Number.isNaN(values[bar]) && bar > newest[at]) newest[at] = bar;
  }
  const known = new Float32Array(bars);
  let latest = -1;
  for (let bar = 0; bar < bars; bar++) {
    if (newest[bar] > latest) latest = newest[bar];
    known[bar] = latest === -1 ? Number.NaN : values[latest];
  }
  return known;
}

function clearNaN(values: Float32Array): void {
  for (let row = 0; row < values.length; row++) if (Number.isNaN(values[row])) values[row] = 0;
}
