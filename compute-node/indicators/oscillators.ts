import type { IndicatorKernel } from "./declaration.ts";
import { exponentialFrom } from "./moving-averages.ts";
import { rollingHighest, rollingLowest } from "./rolling-extremes.ts";
import { rollingMean } from "./rolling-mean.ts";

export const relativeStrengthIndex: IndicatorKernel = ([values], { period }, [output]) => {
  const rows = values.length;
  if (period >= rows) return;
  let gain = 0;
  let loss = 0;
  for (let index = 1; index <= period; index++) {
    const change = values[index] - values[index - 1];
    if (change > 0) gain += change;
    else loss -= change;
  }
  gain /= period;
  loss /= period;
  output[period] = gain + loss === 0 ? 50 : (100 * gain) / (gain + loss);
  for (let index = period + 1; index < rows; index++) {
    const change = values[index] - values[index - 1];
    gain = (gain * (period - 1) + Math.max(change, 0)) / period;
    loss = (loss * (period - 1) + (change < 0 ? -change : 0)) / period;
    output[index] = gain + loss === 0 ? 50 : (100 * gain) / (gain + loss);
  }
};

/** Both averages start at index slow_period - 1, the fast one from the values that end there. */
export const movingAverageConvergence: IndicatorKernel = (
  [values],
  { fast_period: fastPeriod, slow_period: slowPeriod, signal_period: signalPeriod },
  [line, signal, histogram],
) => {
  const rows = values.length;
  const lineIndex = slowPeriod - 1;
  const firstIndex = lineIndex + signalPeriod - 1;
  if (firstIndex >= rows) return;
  const fast = new Float64Array(rows);
  const difference = new Float64Array(rows);
  exponentialFrom(values, slowPeriod - fastPeriod, fastPeriod, fast);
  exponentialFrom(values, 0, slowPeriod, difference);
  for (let index = lineIndex; index < rows; index++) difference[index] = fast[index] - difference[index];
  exponentialFrom(difference, lineIndex, signalPeriod, signal);
  for (let index = firstIndex; index < rows; index++) {
    line[index] = difference[index];
    histogram[index] = difference[index] - signal[index];
  }
};

export const stochastic: IndicatorKernel = (
  [high, low, close],
  { k_period: kPeriod, smooth_k: smoothK, d_period: dPeriod },
  [k, d],
) => {
  const rows = close.length;
  const rawIndex = kPeriod - 1;
  if (rawIndex + smoothK + dPeriod - 2 >= rows) return;
  const raw = new Float64Array(rows);
  const lowest = new Float64Array(rows);
  rollingHighest(high, kPeriod, raw);
  rollingLowest(low, kPeriod, lowest);
  for (let index = rawIndex; index < rows; index++) {
    const range = raw[index] - lowest[index];
    raw[index] = range === 0 ? 50 : (100 * (close[index] - lowest[index])) / range;
  }
  const smoothed = lowest.subarray(rawIndex);
  rollingMean(raw.subarray(rawIndex), smoothK, smoothed);
  const defined = smoothed.subarray(smoothK - 1);
  const firstIndex = rawIndex + smoothK - 1 + dPeriod - 1;
  rollingMean(defined, dPeriod, d.subarray(rawIndex + smoothK - 1));
  k.set(defined.subarray(dPeriod - 1), firstIndex);
};

export const williamsR: IndicatorKernel = ([high, low, close], { period }, [output]) => {
  const lowest = new Float64Array(close.length);
  rollingHighest(high, period, output);
  rollingLowest(low, period, lowest);
  for (let index = period - 1; index < close.length; index++) {
    const range = output[index] - lowest[index];
    output[index] = range === 0 ? -50 : (-100 * (output[index] - close[index])) / range;
  }
};

/** The mean absolute deviation is summed anew for each bar, since its centre moves: `period` steps a bar. */
export const commodityChannelIndex: IndicatorKernel = ([high, low, close], { period }, [output]) => {
  const rows = close.length;
  const typical = new Float64Array(rows);
  for (let index = 0; index < rows; index++) typical[index] = (high[index] + low[index] + close[index]) / 3;
  rollingMean(typical, period, output);
  for (let index = period - 1; index < rows; index++) {
    const mean = output[index];
    let deviation = 0;
    for (let past = index - period + 1; past <= index; past++) deviation += Math.abs(typical[past] - mean);
    output[index] = deviation === 0 ? 0 : (typical[index] - mean) / ((0.015 * deviation) / period);
  }
};

export const rateOfChange: IndicatorKernel = ([values], { period }, [output]) => {
  for (let index = period; index < values.length; index++) {
    const past = values[index - period];
    output[index] = past === 0 ? Number.NaN : (values[index] / past - 1) * 100;
  }
};

export const momentum: IndicatorKernel = ([values], { period }, [output]) => {
  for (let index = period; index < values.length; index++) output[index] = values[index] - values[index - period];
};
