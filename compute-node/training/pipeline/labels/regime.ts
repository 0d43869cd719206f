/** Which kind of market each bar is in, by the swings of two sizes around it. */
import { Problem } from "../../../../protocol/problem.ts";
import { rollingDeviation } from "../../../indicators/rolling-deviation.ts";
import { rollingMean } from "../../../indicators/rolling-mean.ts";
import type { BarColumns } from "../../../market-data/bars.ts";
import type { Labels } from "./bar-labels.ts";
import { type ConfigOf, classNamesOf } from "./label-config.ts";
import { median } from "./median.ts";
import { type ZigzagExtremes, zigzagExtremes } from "./zigzag.ts";

const [TRENDING_UP, TRENDING_DOWN, RANGING, VOLATILE] = [0, 1, 2, 3];
/** Fewer inner extremes have no two of one side. */
const LEAST_INNER_EXTREMES = 4;

interface RegimeThresholds {
  /** Fractions of the price. */
  readonly macro: number;
  readonly micro: number;
}

/** Multiples of the median mean range over the median close, of all bars. Zero for a price that never moves. */
export function regimeThresholds(bars: BarColumns, config: ConfigOf<"regime">): RegimeThresholds {
  const { atrPeriod, macroAtrMult, microAtrMult } = config;
  const ranges = new Float64Array(bars.rows);
  for (let row = 0; row < bars.rows; row++) {
    const before = row === 0 ? bars.close[0] : bars.close[row - 1];
    const high = row === 0 ? bars.high[0] : Math.max(bars.high[row], before);
    ranges[row] = high - (row === 0 ? bars.low[0] : Math.min(bars.low[row], before));
  }
  const means = new Float64Array(bars.rows);
  rollingMean(ranges, atrPeriod, means);
  const unit = median(means.subarray(atrPeriod - 1)) / median(bars.close);
  return { macro: macroAtrMult * unit, micro: microAtrMult * unit };
}

/**
 * Each leg between two macro extremes is a trend where the micro extremes within follow it (rising lows in a leg up,
 * falling highs in a leg down), and a range otherwise; a bar is volatile where the returns just ahead deviate much more
 * than those behind. Bars after the last extreme have no label. `thresholds` are those of the bars by default.
 */
export function labelRegime(
  bars: BarColumns,
  config: ConfigOf<"regime">,
  thresholds: RegimeThresholds | null = null,
): Labels {
  const { rows, close } = bars;
  if (rows < config.atrPeriod + 2)
    throw new Problem(
      "invalid-data",
      `${rows} bars are too few for regime labels with atr_period ${config.atrPeriod}.`,
      {
        cure: `Give at least ${config.atrPeriod + 2} bars, or lower atr_period.`,
      },
    );
  const { macro, micro } = thresholds ?? regimeThresholds(bars, config);
  const values = new Float32Array(rows).fill(Number.NaN);
  const settledAt = new Int32Array(rows).fill(rows);
  if (macro > 0 && micro > 0) {
    const legs = zigzagExtremes(close, macro);
    const inner = zigzagExtremes(close, micro);
    const volatile = volatileBars(bars, config);
    let first = 0;
    for (let k = 1; k < legs.at.length; k++) {
      const [start, end] = [legs.at[k - 1], legs.at[k]];
      while (inner.at[first] < start) first++;
      const isUp = close[end] > close[start];
      const follows = followsLeg(close, inner, first, end, isUp, config.progressionTolerance);
      const kind = follows ? (isUp ? TRENDING_UP : TRENDING_DOWN) : RANGING;
      for (let row = start; row <= end; row++) {
        values[row] = volatile[row] === 1 ? VOLATILE : kind;
        settledAt[row] = Math.min(rows, Math.max(legs.settledAt[k], row + config.atrPeriod));
      }
    }
  }
  return { classNames: classNamesOf("regime"), values, settledAt, weights: null };
}

/**
 * Tells if the extremes from number `first` up to bar `end` go with a leg: among pairs of neighbouring lows (up) or
 * highs (down) at least the share `tolerance` rises or falls. An extreme that is neither, by its neighbours, is left out.
 */
function followsLeg(
  close: Float64Array,
  { at }: ZigzagExtremes,
  first: number,
  end: number,
  isUp: boolean,
  tolerance: number,
): boolean {
  let stop = first;
  while (stop < at.length && at[stop] <= end) stop++;
  if (stop - first < LEAST_INNER_EXTREMES) return false;
  // Falling highs are rising lows of the price turned over.
  const level = (k: number) => (isUp ? close[at[k]] : -close[at[k]]);
  let last = Number.NaN;
  let pairs = 0;
  let rising = 0;
  for (let k = first; k < stop; k++) {
    const isBelowPrevious = k === first || level(k) < level(k - 1);
    const isBelowNext = k === stop - 1 || level(k) < level(k + 1);
    if (!isBelowPrevious || !isBelowNext) continue;
    if (!Number.isNaN(last)) {
      pairs++;
      if (level(k) > last) rising++;
    }
    last = level(k);
  }
  return pairs > 0 && rising / pairs >= tolerance;
}

/** 1 where the log returns of the next bars deviate more than `vol_crisis_threshold` times as much as those before. */
function volatileBars({ close, rows }: BarColumns, config: ConfigOf<"regime">): Uint8Array {
  const { atrPeriod: ahead, volLookback: behind, volCrisisThreshold } = config;
  const volatile = new Uint8Array(rows);
  if (rows < behind + 2) return volatile;
  const returns = new Float64Array(rows - 1);
  for (let row = 1; row < rows; row++) returns[row - 1] = Math.log(close[row] / close[row - 1]);
  const past = new Float64Array(rows);
  const future = new Float64Array(rows);
  rollingDeviation(returns, behind, past);
  rollingDeviation(returns, ahead, future);
  // From population to sample deviations.
  const ratio = volCrisisThreshold * Math.sqrt(behind / (behind - 1) / (ahead / (ahead - 1)));
  for (let row = behind; row < rows - ahead; row++)
    if (past[row - 1] > 0 && future[row + ahead - 1] > ratio * past[row - 1]) volatile[row] = 1;
  return volatile;
}
