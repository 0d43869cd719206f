/**
 * Figures from the simple returns of the bars: ktrdr's (Python) `PerformanceTracker`, with its faults mended. There every
 * timeframe was annualised by 252 and the drawdown in money was taken of the final peak; here the data's own bars per year
 * count, and the peak is the one before the drawdown. Undefined figures are NaN, not 0 or 999999.
 */

import { DAY_MS } from "../../../protocol/durations.ts";
import { type BarStatistics, jsonNumber, nonZero } from "../../../results/index.ts";

const YEAR_MS = 365.25 * DAY_MS;

/** A deviation below it is rounding, as in ktrdr (Python). */
const LEAST_DEVIATION = 1e-10;

/** @param equity at least one row; bars after a ruin do not count */
export function barStatistics(timeMs: Float64Array, equity: Float64Array): BarStatistics {
  const rows = equity.length;
  const years = (timeMs[rows - 1] - timeMs[0]) / YEAR_MS;
  const barsPerYear = (rows - 1) / nonZero(years);
  const { mean, deviation, lossDeviation } = barReturns(equity);
  const drawdown = deepestDrawdown(equity);
  const totalReturn = equity[rows - 1] - equity[0];
  const growth = (equity[rows - 1] / equity[0]) ** (1 / nonZero(years)) - 1;
  const perYear = Math.sqrt(barsPerYear);
  return {
    barsPerYear: jsonNumber(barsPerYear),
    totalReturn: jsonNumber(totalReturn),
    volatilityPercent: jsonNumber(deviation * perYear * 100),
    sharpeRatio: jsonNumber((mean / varying(deviation)) * perYear),
    sortinoRatio: jsonNumber((mean / varying(lossDeviation)) * perYear),
    calmarRatio: jsonNumber(growth / nonZero(drawdown.fraction)),
    maxDrawdown: jsonNumber(drawdown.money),
    recoveryFactor: jsonNumber(totalReturn / nonZero(drawdown.money)),
  };
}

function varying(deviation: number): number {
  return deviation > LEAST_DEVIATION ? deviation : Number.NaN;
}

/** Mean, deviation (with n) and the deviation of the losses among themselves (with their number). */
function barReturns(equity: Float64Array): { mean: number; deviation: number; lossDeviation: number } {
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
    deviation: deviationOf(count, sum, squares),
    lossDeviation: deviationOf(losses, lossSum, lossSquares),
  };
}

function deviationOf(count: number, sum: number, squares: number): number {
  return Math.sqrt(Math.max(0, squares / count - (sum / count) ** 2));
}

/** As a fraction of its peak, and in money at that place. */
function deepestDrawdown(equity: Float64Array): { fraction: number; money: number } {
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
  return { fraction, money };
}
