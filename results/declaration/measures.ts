/** Inputs of the formulas of statistics: sums over a run's equity, prices and trades, each taken in one pass. */

export interface RunMeasures {
  /** A value a bar: start times, equity and prices at the close. */
  readonly timeMs: Float64Array;
  readonly equity: Float64Array;
  readonly close: Float64Array;
  /** From the first bar to the last. */
  readonly durationMs: number;
  /** The smallest of day, hour, minute and second that fits the bars; lengths are rounded up to it. */
  readonly durationUnitMs: number;
  /** Last equity over the first. */
  readonly growth: number;
  readonly returnPercent: number;
  /** From the first bar or the first decision, as the run's conventions say; NaN where the price there is not above 0. */
  readonly buyAndHoldReturnPercent: number;
  /** Slope of the equity's bar-by-bar log returns on the market's. */
  readonly beta: number;
  readonly annual: AnnualReturns;
  readonly drawdown: DrawdownMeasures;
  readonly trades: TradeMeasures;
}

/** Computed from the returns by calendar period; fractions a year. */
interface AnnualReturns {
  readonly return: number;
  readonly volatility: number;
  /** Root of the mean of squared losses, times √N. */
  readonly downsideDeviation: number;
}

/** Depths and lengths of the equity's falls below its last peak. */
interface DrawdownMeasures {
  /** Highest equity, money. */
  readonly peak: number;
  /** The deepest fall from a peak, as a fraction from 0 to 1. */
  readonly maxFraction: number;
  /** Mean depth of the episodes, as a fraction; NaN without any. */
  readonly averageFraction: number;
  /** Time from the last peak bar to the recovery bar (or the end of the data), milliseconds; NaN without any. */
  readonly maxDurationMs: number;
  readonly averageDurationMs: number;
}

/** Sums over closed trades. Fractions, money and milliseconds; NaN where nothing is defined. */
interface TradeMeasures {
  readonly count: number;
  /** Columns of the trades; read them up to `count`. */
  readonly pnl: Float64Array;
  readonly returnFraction: Float64Array;
  readonly entryBar: Float64Array;
  readonly exitBar: Float64Array;
  /** Bars between entry and exit, both inclusive, of any trade. */
  readonly exposedBars: number;
  readonly winRate: number;
  readonly best: number;
  readonly worst: number;
  /** Geometric mean; 0 when one trade lost everything. */
  readonly average: number;
  /** Arithmetic mean. */
  readonly expectancy: number;
  readonly maxDurationMs: number;
  readonly averageDurationMs: number;
  /** Sums of positive and of negative returns. */
  readonly gains: number;
  readonly losses: number;
  /** Mean and deviation (n − 1) of the profits, money. */
  readonly meanProfit: number;
  readonly profitDeviation: number;
  /** The largest profit, loss or value at entry, money: it bounds the rounding of profits. */
  readonly largestAmount: number;
  /** Mean profit of those that won and of those that lost, money. */
  readonly meanWin: number;
  readonly meanLoss: number;
}

/** Zero becomes NaN, so that a quotient without a denominator is undefined instead of infinite. */
export function nonZero(value: number): number {
  return value === 0 ? Number.NaN : value;
}
