import type { IndicatorKernel } from "./declaration.ts";
import { trueRangeAt } from "./volatility.ts";

/**
 * Wilder's sums start with the period - 1 changes of bars 1..period - 1; from bar `period` on each is
 * sum - sum / period + new. ADX starts at 2 × period - 1 with the mean of the first `period` values of DX.
 */
export const averageDirectionalIndex: IndicatorKernel = (
  [high, low, close],
  { period },
  [adx, plusIndicator, minusIndicator],
) => {
  let range = 0;
  let plus = 0;
  let minus = 0;
  let average = 0;
  for (let index = 1; index < close.length; index++) {
    const smoothed = index < period ? 0 : 1 / period;
    const up = high[index] - high[index - 1];
    const down = low[index - 1] - low[index];
    range += trueRangeAt(high, low, close, index) - range * smoothed;
    plus += (up > down && up > 0 ? up : 0) - plus * smoothed;
    minus += (down > up && down > 0 ? down : 0) - minus * smoothed;
    if (index < period) continue;
    plusIndicator[index] = range > 0 ? (100 * plus) / range : 0;
    minusIndicator[index] = range > 0 ? (100 * minus) / range : 0;
    const total = plus + minus;
    const directional = range > 0 && total > 0 ? (100 * Math.abs(plus - minus)) / total : 0;
    if (index < 2 * period) average += directional / period;
    else average = (average * (period - 1) + directional) / period;
    if (index >= 2 * period - 1) adx[index] = average;
  }
};
