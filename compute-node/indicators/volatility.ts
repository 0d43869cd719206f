import type { IndicatorKernel } from "./declaration.ts";
import { rollingDeviation } from "./rolling-deviation.ts";
import { rollingMean } from "./rolling-mean.ts";

export const standardDeviation: IndicatorKernel = ([values], { period }, [output]) => {
  rollingDeviation(values, period, output);
};

export const bollingerBands: IndicatorKernel = ([values], { period, multiplier }, [upper, middle, lower]) => {
  rollingMean(values, period, middle);
  rollingDeviation(values, period, upper);
  for (let index = period - 1; index < values.length; index++) {
    const reach = multiplier * upper[index];
    upper[index] = middle[index] + reach;
    lower[index] = middle[index] - reach;
  }
};

export const trueRange: IndicatorKernel = ([high, low, close], _parameters, [output]) => {
  for (let index = 1; index < high.length; index++) output[index] = trueRangeAt(high, low, close, index);
};

export const averageTrueRange: IndicatorKernel = ([high, low, close], { period }, [output]) => {
  const rows = high.length;
  let sum = 0;
  for (let index = 1; index <= period && index < rows; index++) sum += trueRangeAt(high, low, close, index);
  if (period >= rows) return;
  let average = sum / period;
  output[period] = average;
  for (let index = period + 1; index < rows; index++) {
    average = (average * (period - 1) + trueRangeAt(high, low, close, index)) / period;
    output[index] = average;
  }
};

/** The largest of the bar's own range and its reach from the last close; `index` is at least 1. */
export function trueRangeAt(high: Float64Array, low: Float64Array, close: Float64Array, index: number): number {
  const lastClose = close[index - 1];
  return Math.max(high[index], lastClose) - Math.min(low[index], lastClose);
}

/** True ranges bar by bar; NaN for the first bar, or with `firstIsRange` that bar's own range. */
export function createTrueRange(firstIsRange = false): (high: number, low: number, close: number) => number {
  const last = new Float64Array(1).fill(Number.NaN);
  return (high, low, close) => {
    const lastClose = last[0];
    const isFirst = Number.isNaN(lastClose);
    const range = isFirst && firstIsRange ? high - low : Math.max(high, lastClose) - Math.min(low, lastClose);
    last[0] = close;
    return range;
  };
}
