/**
 * Figures from the simple returns of the bars: ktrdr's (Python) `PerformanceTracker`, with its faults mended. There every
 * timeframe was annualised by 252 and the drawdown in money was taken of the final peak; here the data's own bars per year
 * count, and the peak is the one before the drawdown. Undefined figures are NaN, not 0 or 999999.
 */

import { DAY_MS } from "../../../protocol/durations.ts";
import {
  aboveRounding,
  type BarStatistics,
  jsonNumber,
  nonZero,
  squaresAboutMean,
  varyingMoney,
} from "../../../results/index.ts";

const YEAR_MS = 365.25 * DAY_MS;

/** @param equity at least one row; bars after a ruin do not count */
export function barStatistics(timeMs: Float64Array, equity: Float64Array): BarStatistics {
  const rows = equity.length;
  const years = (timeMs[rows - 1] - timeMs[0]) / YEAR_MS;
  const barsPerYear = (rows - 1) / nonZero(years);
  const drawdown = deepestDrawdown(equity);
  const { mean, deviation, lossDeviation } = barReturns(equity, 1 - drawdown.fraction);
  const totalReturn = equity[rows - 1] - equity[0];
  const growth = (equity[rows - 1] / equity[0]) ** (1 / nonZero(years)) - 1;
  const perYear = Math.sqrt(barsPerYear);
  return {
    barsPerYear: jsonNumber(barsPerYear),
    totalReturn: jsonNumber(totalReturn),
    volatilityPercent: jsonNumber(deviation * perYear * 100),
    sharpeRatio: jsonNumber((mean / nonZero(deviation)) * perYear),
    sortinoRatio: jsonNumber((mean / nonZero(lossDeviation)) * perYear),
    calmarRatio: jsonNumber(growth / aboveRounding(drawdown.fraction)),
    maxDrawdown: jsonNumber(drawdown.money),
    recoveryFactor: jsonNumber(totalReturn / varyingMoney(drawdown.money, drawdown.peak)),
  };
}

/** Mean, deviation (with n) and the deviation of the losses among themselves (with their number). */
function barReturns(
  equity: Float64Array,
  remained: number,
): { mean: number; deviation: number; lossDeviation: number } {
  let [count, sum, squares] = [0, 0, 0];
  let [losses, lossSum, lossSquares] = [0, 0, 0];
  let previous = equity[0];
  for (let bar = 1; bar < equity.length && previous !== 0; bar++) {
    const value = equity[bar];
    count++;
    if (value === previous) continue;
    const change = value / previous - 1;
    sum += change;
    squares += change * change;
    if (change < 0) {
      losses++;
      lossSum += change;
      lossSquares += change * change;
    }
    previous = value;
  }
  return {
    mean: sum / count,
    deviation: deviationOf({ count, sum, squares, remained }),
    lossDeviation: deviationOf({ count: losses, sum: lossSum, squares: lossSquares, remained }),
  };
}

/** With n; 0 for one value, and where the values differ by no more than rounding. */
function deviationOf(sums: Parameters<typeof squaresAboutMean>[0]): number {
  return sums.count === 1 ? 0 : Math.sqrt(squaresAboutMean(sums) / sums.count);
}

/** As a fraction of its peak, and in money at that place; `peak` is the highest of all. */
function deepestDrawdown(equity: Float64Array): { fraction: number; money: number; peak: number } {
  let [peak, fraction, money] = [equity[0], 0, 0];
  for (let bar = 1; bar < equity.length; bar++) {
    const value = equity[bar];
    if (value >= peak) {
      peak = value;
      continue;
    }
    const depth = (peak - value) / peak;
    if (depth > fraction) {
      fraction = depth;
      money = peak - value;
    }
  }
  return { fraction, money, peak };
}
