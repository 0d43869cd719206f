import type { IndicatorKernel } from "./declaration.ts";
import { rollingMean } from "./rolling-mean.ts";

export const simpleMovingAverage: IndicatorKernel = ([values], { period }, [output]) => {
  rollingMean(values, period, output);
};

export const exponentialMovingAverage: IndicatorKernel = ([values], { period }, [output]) => {
  exponentialFrom(values, 0, period, output);
};

/**
 * Exponential average with alpha 2 / (period + 1), seeded at index `start + period - 1` with the plain mean of the
 * first `period` values from `start` on.
 */
export function exponentialFrom(values: Float64Array, start: number, period: number, output: Float64Array): void {
  const seedIndex = start + period - 1;
  if (seedIndex >= values.length) return;
  const alpha = 2 / (period + 1);
  let average = plainMean(values, start, period);
  output[seedIndex] = average;
  for (let index = seedIndex + 1; index < values.length; index++) {
    average += alpha * (values[index] - average);
    output[index] = average;
  }
}

/** The mean of `count` values from `start` on. */
function plainMean(values: Float64Array, start: number, count: number): number {
  let sum = 0;
  for (let index = start; index < start + count; index++) sum += values[index];
  return sum / count;
}

/**
 * Weights 1 (oldest) to `period` (newest). Cut into blocks as in `rollingHighest`, so that nothing is ever subtracted
 * from a running sum and no error grows with the length of the series.
 */
export const weightedMovingAverage: IndicatorKernel = ([values], { period }, [output]) => {
  const rows = values.length;
  const weightSum = (period * (period + 1)) / 2;
  const endWeighted = new Float64Array(period + 1);
  for (let start = 0; start < rows; start += period) {
    const stop = Math.min(start + period, rows);
    let sum = 0;
    let weighted = 0;
    for (let index = start; index < stop; index++) {
      const count = index - start + 1;
      sum += values[index];
      weighted += count * values[index];
      if (index < period - 1) continue;
      output[index] = (endWeighted[count] + (weighted + (period - count) * sum)) / weightSum;
    }
    let endSum = 0;
    let endSoFar = 0;
    for (let index = stop - 1; index >= start; index--) {
      endSum += values[index];
      endSoFar += endSum;
      endWeighted[index - start] = endSoFar;
    }
  }
};
