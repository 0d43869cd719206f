/** The indicators that neural strategies use most, over whole columns, with the bits of their steps in `neural.ts`. */
import type { IndicatorKernel } from "../declaration.ts";
import { rollingDeviation } from "../rolling-deviation.ts";
import { rollingHighest, rollingLowest } from "../rolling-extremes.ts";
import { rollingMean } from "../rolling-mean.ts";
import { averageTrueRange as wilderAverageTrueRange } from "../volatility.ts";

export const exponentialAverage: IndicatorKernel = ([values], { period, adjust }, [output]) => {
  const alpha = 2 / (period + 1);
  const kept = 1 - alpha;
  if (adjust === 0) {
    fromFirst(values, alpha, output);
    return;
  }
  let weighted = 0;
  let weights = 0;
  for (let index = 0; index < values.length; index++) {
    weighted = weighted * kept + values[index];
    weights = weights * kept + 1;
    output[index] = weighted / weights;
  }
};

/** `exponentialFromFirst` over a column; `output` may be `values`. */
function fromFirst(values: Float64Array, alpha: number, output: Float64Array): void {
  if (values.length === 0) return;
  const kept = 1 - alpha;
  let average = values[0];
  output[0] = average;
  for (let index = 1; index < values.length; index++) {
    average = kept * average + alpha * values[index];
    output[index] = average;
  }
}

export const convergence: IndicatorKernel = ([values], p, [line, signal, histogram]) => {
  fromFirst(values, 2 / (p.fast_period + 1), line);
  fromFirst(values, 2 / (p.slow_period + 1), histogram);
  for (let index = 0; index < values.length; index++) line[index] -= histogram[index];
  fromFirst(line, 2 / (p.signal_period + 1), signal);
  for (let index = 0; index < values.length; index++) histogram[index] = line[index] - signal[index];
};

export const sampleBands: IndicatorKernel = ([values], { period, multiplier }, [upper, middle, lower]) => {
  const sample = multiplier * Math.sqrt(period / (period - 1));
  rollingMean(values, period, middle);
  rollingDeviation(values, period, upper);
  for (let index = period - 1; index < values.length; index++) {
    const reach = sample * upper[index];
    upper[index] = middle[index] + reach;
    lower[index] = middle[index] - reach;
  }
};

export const sampleBandWidth: IndicatorKernel = ([values], { period, multiplier }, [width]) => {
  const sample = multiplier * Math.sqrt(period / (period - 1));
  const middle = new Float64Array(values.length);
  rollingMean(values, period, middle);
  rollingDeviation(values, period, width);
  for (let index = period - 1; index < values.length; index++)
    width[index] = middle[index] === 0 ? 0 : (2 * (sample * width[index])) / middle[index];
};

/** True ranges whose first is high - low. */
function trueRanges(high: Float64Array, low: Float64Array, close: Float64Array): Float64Array {
  const ranges = new Float64Array(close.length);
  if (ranges.length > 0) ranges[0] = high[0] - low[0];
  for (let index = 1; index < ranges.length; index++) {
    const lastClose = close[index - 1];
    ranges[index] = Math.max(high[index], lastClose) - Math.min(low[index], lastClose);
  }
  return ranges;
}

export const meanTrueRange: IndicatorKernel = (inputs, parameters, outputs) => {
  if (parameters.average === 1) wilderAverageTrueRange(inputs, parameters, outputs);
  else rollingMean(trueRanges(inputs[0], inputs[1], inputs[2]), parameters.period, outputs[0]);
};

export const directionalIndex: IndicatorKernel = ([high, low, close], { period }, [adx, plus, minus]) => {
  const rows = close.length;
  const alpha = 1 / period;
  const kept = 1 - alpha;
  let range = Number.NaN;
  let above = 0;
  let below = 0;
  let strength = 0;
  for (let index = 0; index < rows; index++) {
    const isFirst = index === 0;
    const lastClose = isFirst ? Number.NaN : close[index - 1];
    const up = isFirst ? Number.NaN : high[index] - high[index - 1];
    const down = isFirst ? Number.NaN : low[index - 1] - low[index];
    const width = isFirst ? high[0] - low[0] : Math.max(high[index], lastClose) - Math.min(low[index], lastClose);
    const risen = up > down && up > 0 ? up : 0;
    const fallen = down > up && down > 0 ? down : 0;
    range = isFirst ? width : kept * range + alpha * width;
    above = isFirst ? risen : kept * above + alpha * risen;
    below = isFirst ? fallen : kept * below + alpha * fallen;
    const plusShare = range === 0 ? 0 : (100 * above) / range;
    const minusShare = range === 0 ? 0 : (100 * below) / range;
    const sum = plusShare + minusShare;
    const directional = sum === 0 ? 0 : (100 * Math.abs(plusShare - minusShare)) / sum;
    strength = isFirst ? directional : kept * strength + alpha * directional;
    plus[index] = plusShare;
    minus[index] = minusShare;
    adx[index] = strength;
  }
};

export const placeWithinRange: IndicatorKernel = ([high, low, close], p, [k, d]) => {
  const rows = close.length;
  const raw = new Float64Array(rows);
  const lowest = new Float64Array(rows);
  rollingHighest(high, p.k_period, raw);
  rollingLowest(low, p.k_period, lowest);
  raw.fill(50, 0, p.k_period - 1);
  for (let index = p.k_period - 1; index < rows; index++) {
    const range = raw[index] - lowest[index];
    raw[index] = range > 0 ? (100 * (close[index] - lowest[index])) / range : 50;
  }
  meanSoFar(raw, p.smooth_k, k);
  meanSoFar(k, p.d_period, d);
};

/** `meanSoFar` of the operators over a column: summed anew for each bar, `period` steps. */
function meanSoFar(values: Float64Array, period: number, output: Float64Array): void {
  for (let index = 0; index < values.length; index++) {
    const first = Math.max(0, index - period + 1);
    let sum = 0;
    for (let past = first; past <= index; past++) sum += values[past];
    output[index] = sum / (index - first + 1);
  }
}
