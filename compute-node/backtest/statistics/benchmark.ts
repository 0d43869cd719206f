/**
 * @file The strategy beside something that is bought once and held, over the same calendar periods (days for daily and
 * shorter bars). The risk-free rate is 0.
 *
 * - beta = cov(r, b) / var(b), alpha = (mean(r) − beta · mean(b)) · N: M. Jensen, "The Performance of Mutual Funds in
 *   the Period 1945–1964", Journal of Finance 23(2), 1968; N periods a year.
 * - tracking error = deviation(r − b) · √N, information ratio = mean(r − b) · N / tracking error: T. Goodwin, "The
 *   Information Ratio", Financial Analysts Journal 54(4), 1998.
 * - deviations and covariances with n − 1.
 */
import { type BenchmarkComparison, jsonNumber, nonZero, squaresAboutMean } from "../../../results/index.ts";
import type { PreparedMarket } from "../engine/market.ts";
import { annualizedReturns } from "./statistics.ts";

/**
 * Equity of one who puts `capital` in at the close of `heldBar` and holds: a value a bar. Null where a price is not above
 * 0, since nobody can hold that.
 */
export function heldEquity(close: Float64Array, heldBar: number, capital: number): Float64Array | null {
  const rows = close.length;
  const base = close[Math.min(heldBar, rows - 1)];
  const units = capital / base;
  const equity = new Float64Array(rows).fill(capital, 0, Math.min(heldBar, rows));
  let isHeld = base > 0;
  for (let bar = Math.min(heldBar, rows - 1); bar < rows; bar++) {
    const value = units * close[bar];
    if (!(value > 0 && value < Number.POSITIVE_INFINITY)) isHeld = false;
    equity[bar] = value;
  }
  return isHeld ? equity : null;
}

/** `held` is from `heldEquity`; everything is null without it, and so are figures that need more than two periods. */
export function compareToBenchmark(
  symbol: string,
  held: Float64Array | null,
  equity: Float64Array,
  market: PreparedMarket,
): BenchmarkComparison {
  if (held === null) return { symbol, ...UNDEFINED };
  const last = equity.length - 1;
  const growth = (values: Float64Array) => (values[last] - values[0]) / values[0];
  const sums = pairedReturns(held, equity, market.periodEnds);
  const { count } = sums;
  const perYear = market.calendar.periodsPerYear;
  const [mean, heldMean] = [sums.own / count, sums.held / count];
  const remained = 1 + deepest(equity);
  const variance = (squares: number, sum: number, least = 1) =>
    squaresAboutMean({ count, sum, squares, remained: least }) / (count - 1);
  const heldVariance = variance(sums.heldSquares, sums.held);
  const ownVariance = variance(sums.ownSquares, sums.own, remained);
  const covariance = (sums.products - (sums.own * sums.held) / count) / (count - 1);
  const beta = covariance / nonZero(heldVariance);
  const tracking = Math.sqrt(variance(sums.differenceSquares, sums.own - sums.held, remained));
  const geometricMean = Math.expm1(sums.heldLogs / count);
  const annual = annualizedReturns({ geometricMean, variance: heldVariance }, market.calendar);
  const percent = (fraction: number) => jsonNumber(fraction * 100);
  return {
    symbol,
    returnPercent: percent(growth(held)),
    excessReturnPercent: percent(growth(equity) - growth(held)),
    annualVolatilityPercent: percent(annual.volatility),
    sharpeRatio: jsonNumber(annual.return / nonZero(annual.volatility)),
    maxDrawdownPercent: percent(deepest(held)),
    alphaPercent: percent((mean - beta * heldMean) * perYear),
    beta: jsonNumber(beta),
    correlation: jsonNumber(correlationOf(covariance, ownVariance, heldVariance)),
    trackingErrorPercent: percent(tracking * Math.sqrt(perYear)),
    informationRatio: jsonNumber(((mean - heldMean) * perYear) / nonZero(tracking * Math.sqrt(perYear))),
  };
}

const UNDEFINED: Omit<BenchmarkComparison, "symbol"> = {
  returnPercent: null,
  excessReturnPercent: null,
  annualVolatilityPercent: null,
  sharpeRatio: null,
  maxDrawdownPercent: null,
  alphaPercent: null,
  beta: null,
  correlation: null,
  trackingErrorPercent: null,
  informationRatio: null,
};

/** Rounding may carry it beyond 1. */
function correlationOf(covariance: number, first: number, second: number): number {
  return Math.max(-1, Math.min(1, covariance / nonZero(Math.sqrt(first * second))));
}

/** Sums over the returns from each period's last bar to the next one's. Returns after a ruin do not count. */
function pairedReturns(held: Float64Array, equity: Float64Array, ends: Int32Array | null) {
  const sums = {
    count: 0,
    own: 0,
    held: 0,
    ownSquares: 0,
    heldSquares: 0,
    products: 0,
    differenceSquares: 0,
    heldLogs: 0,
  };
  const periods = ends === null ? equity.length : ends.length;
  let before = ends === null ? 0 : (ends[0] ?? 0);
  for (let period = 1; period < periods && equity[before] !== 0; period++) {
    const end = ends === null ? period : ends[period];
    const own = equity[end] / equity[before] - 1;
    const other = held[end] / held[before] - 1;
    sums.count++;
    sums.own += own;
    sums.held += other;
    sums.ownSquares += own * own;
    sums.heldSquares += other * other;
    sums.products += own * other;
    sums.differenceSquares += (own - other) ** 2;
    sums.heldLogs += Math.log1p(other);
    before = end;
  }
  return sums;
}

/** At most 0, a fraction. */
function deepest(values: Float64Array): number {
  let [peak, depth] = [values[0], 0];
  for (let bar = 1; bar < values.length; bar++) {
    if (values[bar] > peak) peak = values[bar];
    else depth = Math.min(depth, values[bar] / peak - 1);
  }
  return depth;
}
