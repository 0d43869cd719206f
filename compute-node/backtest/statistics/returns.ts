/** Sums over returns: the equity's by calendar period, and the equity's against the market's bar by bar. */

import { aboveRounding, nonZero, squaresAboutMean } from "../../../results/index.ts";
import { fixedLengthMs, nextPeriodStart, type Period } from "../engine/calendar.ts";

/** Bound of the series below: ratios from 0.96 to 1.04. */
const SERIES_RANGE = 0.02;

/**
 * ln(after / before) = 2·artanh((after − before) / (after + before)). Within ±4 % the series to the ninth power is
 * exact to double precision (the next term is below 2e-20 of the first); further out the library's logarithm is used.
 */
export function logRatio(after: number, before: number): number {
  const s = (after - before) / (after + before);
  if (s < SERIES_RANGE && s > -SERIES_RANGE) {
    const q = s * s;
    return 2 * s * (1 + q * (1 / 3 + q * (1 / 5 + q * (1 / 7 + q * (1 / 9)))));
  }
  return Math.log(after / before);
}

/**
 * Slope of the equity's bar-by-bar log returns on the market's: cov / var. NaN for fewer than three bars, and where the
 * market's returns differ by no more than rounding.
 */
export function betaOf(equity: Float64Array, close: Float64Array): number {
  const count = equity.length - 1;
  if (count < 2) return Number.NaN;
  let sumX = 0;
  let sumXX = 0;
  let sumXY = 0;
  let previousEquity = equity[0];
  let previousClose = close[0];
  for (let bar = 1; bar <= count; bar++) {
    const x = logRatio(close[bar], previousClose);
    previousClose = close[bar];
    sumX += x;
    sumXX += x * x;
    const value = equity[bar];
    if (value !== previousEquity) {
      sumXY += x * logRatio(value, previousEquity);
      previousEquity = value;
    }
  }
  // The sum of log returns telescopes.
  const sumY = Math.log(equity[count] / equity[0]);
  return (sumXY - (sumX * sumY) / count) / nonZero(squaresAboutMean({ count, sum: sumX, squares: sumXX }));
}

export interface PeriodReturns {
  /** Geometric mean return of a period; 0 for an account that lost everything. */
  readonly geometricMean: number;
  /** With n − 1; 0 where the returns differ by no more than rounding. */
  readonly variance: number;
  /** Root of the mean of squared losses over all periods; 0 where they are no more than rounding. */
  readonly downsideDeviation: number;
}

/**
 * Measures the equity at the last bar of each period that has bars. Periods after a ruin do not count.
 * One pass without an array of its own; the variance is Σr² − (Σr)²/n, whose cancellation is harmless because the mean
 * of a period's return is far below its deviation.
 *
 * @param remained the lowest equity over the peak before it, which bounds the rounding of returns
 */
export function periodReturns(period: Period, timeMs: Float64Array, equity: Float64Array, remained = 1): PeriodReturns {
  const rows = equity.length;
  const lengthMs = fixedLengthMs(period);
  let end = nextPeriodStart(period, timeMs[0]);
  let first = Number.NaN;
  let previous = Number.NaN;
  let [count, sum, squares, lossSquares] = [-1, 0, 0, 0];
  for (let bar = 1; bar <= rows && previous !== 0; bar++) {
    const time = bar < rows ? timeMs[bar] : Number.POSITIVE_INFINITY;
    if (time < end) continue;
    const value = equity[bar - 1];
    count++;
    if (count === 0) first = value;
    else if (value !== previous) {
      const change = value / previous - 1;
      const square = change * change;
      sum += change;
      squares += square;
      if (change < 0) lossSquares += square;
    }
    previous = value;
    // Most periods have the same length, so the next end is usually one addition away.
    end += lengthMs;
    if (time >= end && bar < rows) end = nextPeriodStart(period, time);
  }
  return {
    geometricMean: previous === 0 ? 0 : Math.exp(Math.log(previous / first) / count) - 1,
    variance: squaresAboutMean({ count, sum, squares, remained }) / (count - 1),
    downsideDeviation: beyondRounding(Math.sqrt(lossSquares / count), remained),
  };
}

/** 0 where `deviation` is only rounding. */
function beyondRounding(deviation: number, remained: number): number {
  return Number.isNaN(aboveRounding(deviation, remained)) && deviation >= 0 ? 0 : deviation;
}
