/** Sums over returns: of the equity by calendar period, and of equity against the market bar by bar. */

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

/** Slope of the equity's bar-by-bar log returns on the market's: cov / var. NaN for fewer than three bars. */
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
  return (sumXY - (sumX * sumY) / count) / (sumXX - (sumX * sumX) / count);
}

export interface PeriodReturns {
  /** Geometric mean return of a period; 0 for an account that lost everything. */
  readonly geometricMean: number;
  /** With n − 1. */
  readonly variance: number;
  /** Root of the mean of squared losses over all periods. */
  readonly downsideDeviation: number;
}

/** From the equity at the end of each period. What follows a ruin is no return and does not count. */
export function periodReturns(equity: Float64Array): PeriodReturns {
  const isRuined = equity.length > 0 && equity[equity.length - 1] <= 0;
  const count = isRuined ? equity.indexOf(0) : equity.length - 1;
  let sum = 0;
  let squares = 0;
  let lossSquares = 0;
  let previous = equity[0];
  for (let index = 1; index <= count; index++) {
    const value = equity[index];
    if (value === previous) continue;
    const change = value / previous - 1;
    const square = change * change;
    previous = value;
    sum += change;
    squares += square;
    if (change < 0) lossSquares += square;
  }
  return {
    geometricMean: isRuined ? 0 : Math.exp(Math.log(equity[count] / equity[0]) / count) - 1,
    variance: Math.max(0, squares - (sum * sum) / count) / (count - 1),
    downsideDeviation: Math.sqrt(lossSquares / count),
  };
}
