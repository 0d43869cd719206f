/** From bars to the inputs of a network. Training, backtest and everything later compute them here. */
import { Problem } from "../../../protocol/problem.ts";
import type { NeuralStrategy } from "../../../protocol/strategy-neural.ts";
import { fillDegrees } from "../../fuzzy/index.ts";
import { computeIndicator } from "../../indicators/index.ts";
import { type BarColumns, barsBetween } from "../../market-data/bars.ts";
import { timeframeMs } from "../../market-data/timeframe.ts";
import { suggestion } from "../closest-name.ts";
import { throwFaults } from "../strategy-faults.ts";
import { originOf } from "../validate-strategy.ts";
import { barsAsKnown, closedBars, NONE } from "./align.ts";
import type { ResolvedIndicator } from "./indicators.ts";
import type { NeuralFeature } from "./inputs.ts";
import { type ResolvedNeural, resolveNeural } from "./resolve.ts";

export type BarsByTimeframe = Readonly<Record<string, BarColumns>>;

/** A context series; a bar is known `delayMs` after its start: its duration, and how much later it is published. */
export interface ContextSeries {
  readonly bars: BarColumns;
  readonly delayMs: number;
}

export interface FeatureOptions {
  /** Context series by the id that `data_source` names. */
  readonly context?: Readonly<Record<string, ContextSeries>>;
  /** These features in this order, such as a model's own list; by default all of the strategy. */
  readonly names?: readonly string[];
}

export interface FeatureMatrix {
  /** Such as `1h_momentum_oversold`; one for each column. */
  readonly names: readonly string[];
  /** [feature][row]: one value for each bar of the base timeframe, NaN where it is not defined. */
  readonly columns: readonly Float32Array[];
  readonly features: readonly NeuralFeature[];
  /** The first row at which every feature is defined; `rows` where there is none. */
  readonly firstRow: number;
  /** Rows from `firstRow` on at which some feature is not defined (gaps). */
  readonly undefinedRows: number;
  readonly rows: number;
}

/**
 * The features of one symbol, in the order in which the strategy lists them. Indicators and memberships are computed on
 * the bars of their own timeframe; a bar of another timeframe counts from its close on (`closedBars`). The value of a row
 * depends on no later bar. Raw features are as the indicator gives them: their `normalization` is fitted on
 * only training rows, and belongs to a model.
 *
 * Throws a `Problem`: `invalid-strategy` with every fault, or for a name that the strategy has no feature of;
 * `data-not-found` for a timeframe or a context series that is not given.
 */
export function computeFeatures(
  strategy: NeuralStrategy,
  bars: BarsByTimeframe,
  { context = {}, names }: FeatureOptions = {},
): FeatureMatrix {
  const resolved = resolveNeural(strategy);
  if (resolved.faults.length > 0) throwFaults(resolved.faults, originOf(strategy));
  const features = names === undefined ? resolved.features : chosenFeatures(resolved.features, names);
  const base = barsOf(bars, resolved.baseTimeframe);
  const columns = features.map(() => new Float32Array(base.rows));
  for (const timeframe of new Set(features.map((feature) => feature.timeframe)))
    fillTimeframe(timeframe, features, columns, { resolved, bars, base, context });
  const { firstRow, undefinedRows } = definedRows(distinctValues(features, columns), base.rows);
  return { names: features.map(({ name }) => name), columns, features, firstRow, undefinedRows, rows: base.rows };
}

/** `computeFeatures` for each symbol of the strategy; no value of one depends on another. */
export function computeFeaturesOfSymbols(
  strategy: NeuralStrategy,
  bySymbol: Readonly<Record<string, BarsByTimeframe>>,
  options: FeatureOptions = {},
): Readonly<Record<string, FeatureMatrix>> {
  const { symbols } = resolveNeural(strategy);
  const entries = symbols.map((symbol) => {
    const bars = bySymbol[symbol];
    if (bars === undefined) throw missing(`No bars of ${symbol} are given.`, symbol);
    return [symbol, computeFeatures(strategy, bars, options)] as const;
  });
  return Object.fromEntries(entries);
}

/** An indicator of the strategy on the bars of its own timeframe. */
export interface IndicatorSeries {
  /** Such as `1h_macd.signal`. */
  readonly name: string;
  readonly timeframe: string;
  readonly values: Float64Array;
}

/** Every output of each indicator that a feature reads, on every timeframe on which one does. Throws as `computeFeatures`. */
export function featureIndicators(
  strategy: NeuralStrategy,
  bars: BarsByTimeframe,
  { context = {} }: FeatureOptions = {},
): IndicatorSeries[] {
  const { features } = resolveNeural(strategy);
  const read = new Map(features.map((feature) => [`${feature.timeframe} ${feature.indicator.id}`, feature]));
  return [...read.values()].flatMap(({ timeframe, indicator }) => {
    const own = barsOf(bars, timeframe);
    const memory = indicator.declaration.outputs.map(() => new Float64Array(own.rows));
    const outputs = indicatorOutputs(indicator, own, timeframeMs(timeframe), context, memory);
    return outputs.map((values, k) => {
      const output = outputs.length > 1 ? `.${indicator.declaration.outputs[k].name}` : "";
      return { name: `${timeframe}_${indicator.id}${output}`, timeframe, values };
    });
  });
}

/** The first `rows` bars of the base timeframe, and all other bars that are over when the last of them is. */
export function seriesKnownAt(
  bars: BarsByTimeframe,
  context: Readonly<Record<string, ContextSeries>>,
  baseTimeframe: string,
  rows: number,
): { readonly bars: BarsByTimeframe; readonly context: Readonly<Record<string, ContextSeries>> } {
  const base = barsBetween(barsOf(bars, baseTimeframe), 0, rows);
  const nowMs = rows === 0 ? Number.NEGATIVE_INFINITY : base.timeMs[rows - 1] + timeframeMs(baseTimeframe);
  const known = (series: BarColumns, durationMs: number) => {
    let end = series.rows;
    while (end > 0 && series.timeMs[end - 1] + durationMs > nowMs) end--;
    return barsBetween(series, 0, end);
  };
  const cut = Object.entries(bars).map(([timeframe, own]) => {
    return [timeframe, timeframe === baseTimeframe ? base : known(own, timeframeMs(timeframe))] as const;
  });
  const cutContext = Object.entries(context).map(([id, { bars: series, delayMs }]) => {
    return [id, { bars: known(series, delayMs), delayMs }] as const;
  });
  return { bars: Object.fromEntries(cut), context: Object.fromEntries(cutContext) };
}

interface Surroundings {
  readonly resolved: ResolvedNeural;
  readonly bars: BarsByTimeframe;
  readonly base: BarColumns;
  readonly context: Readonly<Record<string, ContextSeries>>;
}

/**
 * Indicator by indicator, so that each one's values are still in the processor's cache when its features are made of
 * them, and the next one takes their memory.
 */
function fillTimeframe(
  timeframe: string,
  features: readonly NeuralFeature[],
  columns: readonly Float32Array[],
  { resolved, bars, base, context }: Surroundings,
): void {
  const own = barsOf(bars, timeframe);
  const isBase = timeframe === resolved.baseTimeframe;
  const durations = [timeframeMs(resolved.baseTimeframe), timeframeMs(timeframe)];
  const newest = isBase ? null : closedBars(base.timeMs, durations[0], own.timeMs, durations[1]);
  const memory: Float64Array[] = [];
  const native = newest === null ? null : new Float32Array(own.rows);
  for (const [indicator, indices] of byIndicator(timeframe, features)) {
    while (memory.length < indicator.declaration.outputs.length) memory.push(new Float64Array(own.rows));
    const outputs = indicatorOutputs(indicator, own, durations[1], context, memory);
    for (const k of indices) {
      const feature = features[k];
      const values = outputs[feature.output];
      if (newest === null || native === null) fill(feature, values, columns[k]);
      else {
        fill(feature, values, native);
        spread(native, newest, columns[k]);
      }
    }
  }
}

/** The features of a timeframe that each indicator gives, by their index. */
function byIndicator(timeframe: string, features: readonly NeuralFeature[]): Map<ResolvedIndicator, number[]> {
  const indices = new Map<ResolvedIndicator, number[]>();
  for (const [k, feature] of features.entries()) {
    if (feature.timeframe !== timeframe) continue;
    const known = indices.get(feature.indicator);
    if (known === undefined) indices.set(feature.indicator, [k]);
    else known.push(k);
  }
  return indices;
}

function fill({ fn }: NeuralFeature, values: Float64Array, column: Float32Array): void {
  if (fn === null) column.set(values);
  else fillDegrees(fn, values, column);
}

function spread(values: Float32Array, indices: Int32Array, column: Float32Array): void {
  for (let row = 0; row < indices.length; row++) {
    const index = indices[row];
    column[row] = index === NONE ? Number.NaN : values[index];
  }
}

/** Into columns of `memory`, as many as the indicator has outputs. */
function indicatorOutputs(
  { declaration, parameters, source, dataSource, id }: ResolvedIndicator,
  own: BarColumns,
  durationMs: number,
  context: Readonly<Record<string, ContextSeries>>,
  memory: readonly Float64Array[],
): readonly Float64Array[] {
  let bars = own;
  if (dataSource !== null) {
    const series = context[dataSource];
    if (series === undefined) throw missing(`Indicator ${id} reads "${dataSource}", which is not given.`, dataSource);
    bars = barsAsKnown(series.bars, series.delayMs, own, durationMs);
  }
  const inputs = declaration.inputs.map((column, k) => bars[k === 0 && source !== null ? source : column]);
  const outputs = memory.slice(0, declaration.outputs.length);
  computeIndicator(declaration, inputs, parameters, outputs);
  return outputs;
}

function chosenFeatures(features: readonly NeuralFeature[], names: readonly string[]): NeuralFeature[] {
  const byName = new Map(features.map((feature) => [feature.name, feature]));
  return names.map((name) => {
    const feature = byName.get(name);
    if (feature !== undefined) return feature;
    throw new Problem("invalid-strategy", `The strategy has no feature "${name}".`, {
      cure: suggestion(name, [...byName.keys()], "features"),
    });
  });
}

function barsOf(bars: BarsByTimeframe, timeframe: string): BarColumns {
  const own = bars[timeframe];
  if (own === undefined) throw missing(`The strategy reads ${timeframe} bars, and none are given.`, timeframe);
  return own;
}

function missing(message: string, name: string): Problem {
  return new Problem("data-not-found", message, { cure: `Load ${name} first.` });
}

/** One column for each indicator value that features are made of: all of them are undefined at the same rows. */
function distinctValues(features: readonly NeuralFeature[], columns: readonly Float32Array[]): Float32Array[] {
  const byValue = new Map(
    features.map(({ timeframe, indicator, output }, k) => [`${timeframe} ${output} ${indicator.id}`, columns[k]]),
  );
  return [...byValue.values()];
}

/** A sum over the features is NaN exactly where one of them is. */
function definedRows(columns: readonly Float32Array[], rows: number): { firstRow: number; undefinedRows: number } {
  const sums = new Float32Array(rows);
  for (const column of columns) for (let row = 0; row < rows; row++) sums[row] += 0 * column[row];
  let firstRow = 0;
  while (firstRow < rows && Number.isNaN(sums[firstRow])) firstRow++;
  let undefinedRows = 0;
  for (let row = firstRow; row < rows; row++) if (Number.isNaN(sums[row])) undefinedRows++;
  return { firstRow, undefinedRows };
}
