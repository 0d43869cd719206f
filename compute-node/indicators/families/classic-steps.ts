/** The classic indicators bar by bar, with the bits of their kernels. */
import type { IndicatorDeclaration } from "../declaration.ts";
import { exponential, mean, type Operator, weighted } from "../operators/averages.ts";
import { delay, deviation, highest, lowest } from "../operators/windows.ts";
import { createTrueRange } from "../volatility.ts";
import { stepwise } from "./declare.ts";

type Begin = IndicatorDeclaration["begin"];

/** One input and one output. */
function each(make: (period: number) => Operator): Begin {
  return stepwise(({ period }) => {
    const next = make(period);
    return ([values], index, [output]) => {
      output[index] = next(values[index]);
    };
  }).begin;
}

const relativeStrengthIndex: Begin = ({ period }) => {
  let count = 0;
  let last = 0;
  let gain = 0;
  let loss = 0;
  return ([values], index, [output]) => {
    const change = values[index] - last;
    last = values[index];
    if (count++ === 0) return;
    if (count <= period + 1) {
      if (change > 0) gain += change;
      else loss -= change;
      if (count <= period) return;
      gain /= period;
      loss /= period;
    } else {
      gain = (gain * (period - 1) + Math.max(change, 0)) / period;
      loss = (loss * (period - 1) + (change < 0 ? -change : 0)) / period;
    }
    output[index] = gain + loss === 0 ? 50 : (100 * gain) / (gain + loss);
  };
};

const movingAverageConvergence: Begin = (p) => {
  const fast = exponential(p.fast_period);
  const slow = exponential(p.slow_period);
  const signal = exponential(p.signal_period);
  const skipped = p.slow_period - p.fast_period;
  let count = 0;
  return ([values], index, [line, signalLine, histogram]) => {
    const value = values[index];
    const difference = (count++ < skipped ? Number.NaN : fast(value)) - slow(value);
    const smoothed = signal(difference);
    if (Number.isNaN(smoothed)) return;
    line[index] = difference;
    signalLine[index] = smoothed;
    histogram[index] = difference - smoothed;
  };
};

const bollingerBands: Begin = ({ period, multiplier }) => {
  const middleOf = mean(period);
  const deviationOf = deviation(period);
  return ([values], index, [upper, middle, lower]) => {
    const centre = middleOf(values[index]);
    const reach = multiplier * deviationOf(values[index]);
    upper[index] = centre + reach;
    middle[index] = centre;
    lower[index] = centre - reach;
  };
};

const trueRange: Begin = () => {
  const rangeOf = createTrueRange();
  return ([high, low, close], index, [output]) => {
    output[index] = rangeOf(high[index], low[index], close[index]);
  };
};

const averageTrueRange: Begin = ({ period }) => {
  const rangeOf = createTrueRange();
  let count = 0;
  let average = 0;
  return ([high, low, close], index, [output]) => {
    const range = rangeOf(high[index], low[index], close[index]);
    if (count++ === 0) return;
    if (count <= period + 1) {
      average += range;
      if (count <= period) return;
      average /= period;
    } else average = (average * (period - 1) + range) / period;
    output[index] = average;
  };
};

const stochastic: Begin = (p) => {
  const highestOf = highest(p.k_period);
  const lowestOf = lowest(p.k_period);
  const smooth = mean(p.smooth_k);
  const signal = mean(p.d_period);
  return ([high, low, close], index, [k, d]) => {
    const bottom = lowestOf(low[index]);
    const range = highestOf(high[index]) - bottom;
    const smoothed = smooth(range === 0 ? 50 : (100 * (close[index] - bottom)) / range);
    const average = signal(smoothed);
    if (Number.isNaN(average)) return;
    k[index] = smoothed;
    d[index] = average;
  };
};

const commodityChannelIndex: Begin = ({ period }) => {
  const meanOf = mean(period);
  const window = new Float64Array(period);
  let at = 0;
  return ([high, low, close], index, [output]) => {
    const typical = (high[index] + low[index] + close[index]) / 3;
    window[at] = typical;
    at = at + 1 === period ? 0 : at + 1;
    const centre = meanOf(typical);
    if (Number.isNaN(centre)) return;
    let spread = 0;
    for (let k = at; k < period; k++) spread += Math.abs(window[k] - centre);
    for (let k = 0; k < at; k++) spread += Math.abs(window[k] - centre);
    output[index] = spread === 0 ? 0 : (typical - centre) / ((0.015 * spread) / period);
  };
};

const williamsR: Begin = ({ period }) => {
  const highestOf = highest(period);
  const lowestOf = lowest(period);
  return ([high, low, close], index, [output]) => {
    const top = highestOf(high[index]);
    const range = top - lowestOf(low[index]);
    output[index] = range === 0 ? -50 : (-100 * (top - close[index])) / range;
  };
};

const onBalanceVolume: Begin = () => {
  let last = Number.NEGATIVE_INFINITY;
  let balance = 0;
  return ([close, volume], index, [output]) => {
    if (close[index] > last) balance += volume[index];
    else if (close[index] < last) balance -= volume[index];
    last = close[index];
    output[index] = balance;
  };
};

const averageDirectionalIndex: Begin = ({ period }) => {
  const rangeOf = createTrueRange();
  let [count, lastHigh, lastLow, range, plus, minus, average] = [0, 0, 0, 0, 0, 0, 0];
  return ([high, low, close], index, [adx, plusIndicator, minusIndicator]) => {
    const newRange = rangeOf(high[index], low[index], close[index]);
    const up = high[index] - lastHigh;
    const down = lastLow - low[index];
    lastHigh = high[index];
    lastLow = low[index];
    const bar = count++;
    if (bar === 0) return;
    const smoothed = bar < period ? 0 : 1 / period;
    range += newRange - range * smoothed;
    plus += (up > down && up > 0 ? up : 0) - plus * smoothed;
    minus += (down > up && down > 0 ? down : 0) - minus * smoothed;
    if (bar < period) return;
    plusIndicator[index] = range > 0 ? (100 * plus) / range : 0;
    minusIndicator[index] = range > 0 ? (100 * minus) / range : 0;
    const total = plus + minus;
    const directional = range > 0 && total > 0 ? (100 * Math.abs(plus - minus)) / total : 0;
    if (bar < 2 * period) average += directional / period;
    else average = (average * (period - 1) + directional) / period;
    if (bar >= 2 * period - 1) adx[index] = average;
  };
};

/** `new / past - 1` in percent. */
export function percentChange(period: number): Operator {
  const past = delay(period);
  return (value) => {
    const before = past(value);
    return before === 0 ? Number.NaN : (value / before - 1) * 100;
  };
}

export const CLASSIC_STEPS: Readonly<Record<string, Begin>> = {
  sma: each(mean),
  ema: each(exponential),
  wma: each(weighted),
  rsi: relativeStrengthIndex,
  macd: movingAverageConvergence,
  bollinger_bands: bollingerBands,
  stddev: each(deviation),
  true_range: trueRange,
  atr: averageTrueRange,
  highest: each(highest),
  lowest: each(lowest),
  roc: each(percentChange),
  momentum: each((period) => {
    const past = delay(period);
    return (value) => value - past(value);
  }),
  stochastic,
  cci: commodityChannelIndex,
  williams_r: williamsR,
  obv: onBalanceVolume,
  adx: averageDirectionalIndex,
};
