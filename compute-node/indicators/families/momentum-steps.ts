/** Operators that the oscillators of `momentum.ts` are made of. */
import type { Operator } from "../operators/averages.ts";
import { change, delay, highest, lowest, total } from "../operators/windows.ts";
import { createTrueRange } from "../volatility.ts";
import { CLASSIC_STEPS } from "./classic-steps.ts";

/** 100 × (rises - falls) / (rises + falls), both by Wilder's averages, as RSI has them; 0 where both are 0. */
export function chande(bars: number): Operator {
  const up = wilderOfChanges(bars);
  const down = wilderOfChanges(bars);
  const step = change(1);
  return (given) => {
    const moved = step(given);
    const gain = up(Math.max(moved, 0));
    const loss = down(Math.max(-moved, 0));
    return gain + loss === 0 ? 0 : (100 * (gain - loss)) / (gain + loss);
  };
}

/** 100 × (rises - falls) / (rises + falls) over the sums of the last changes; 0 where nothing has changed. */
export function chandeOfSums(bars: number): Operator {
  const [up, down, step] = [total(bars), total(bars), change(1)];
  return (given) => {
    const moved = step(given);
    const gain = up(Math.max(moved, 0));
    const loss = down(Math.max(-moved, 0));
    return gain + loss === 0 ? 0 : (100 * (gain - loss)) / (gain + loss);
  };
}

function wilderOfChanges(bars: number): Operator {
  let count = 0;
  let average = 0;
  return (given) => {
    if (Number.isNaN(given)) return Number.NaN;
    if (count < bars) {
      average += given / bars;
      return ++count < bars ? Number.NaN : average;
    }
    average = (average * (bars - 1) + given) / bars;
    return average;
  };
}

/** RSI as an operator on its own, for the indicators that build on it. */
export function relativeStrength(bars: number): Operator {
  const step = CLASSIC_STEPS.rsi({ period: bars });
  const input = new Float64Array(1);
  const result = new Float64Array(1);
  return (given) => {
    input[0] = given;
    result[0] = Number.NaN;
    step([input], 0, [result]);
    return result[0];
  };
}

/** 100 × (value - lowest) / (highest - lowest), `whenFlat` where that range is 0. */
export function withinRange(bars: number, whenFlat: number): (high: number, low: number, close: number) => number {
  const top = highest(bars);
  const bottom = lowest(bars);
  return (high, low, close) => {
    const least = bottom(low);
    const range = top(high) - least;
    return range === 0 ? whenFlat : (100 * (close - least)) / range;
  };
}

export function moneyFlow(bars: number): (high: number, low: number, close: number, volume: number) => number {
  const positive = total(bars);
  const negative = total(bars);
  const step = change(1);
  return (high, low, close, volume) => {
    const typical = (high + low + close) / 3;
    const moved = step(typical);
    if (Number.isNaN(moved)) return Number.NaN;
    const flow = typical * volume;
    const inward = positive(moved > 0 ? flow : 0);
    const outward = negative(moved < 0 ? flow : 0);
    return inward + outward === 0 ? 50 : (100 * inward) / (inward + outward);
  };
}

export function ultimate(
  short: number,
  middle: number,
  long: number,
): (high: number, low: number, close: number) => number {
  const rangeOf = createTrueRange();
  const lastClose = delay(1);
  const sums = [short, middle, long].map((bars) => ({ pressure: total(bars), range: total(bars) }));
  const ratios = [0, 0, 0];
  return (high, low, close) => {
    const range = rangeOf(high, low, close);
    const pressure = close - Math.min(low, lastClose(close));
    for (let k = 0; k < 3; k++) {
      const ranges = sums[k].range(range);
      const pressures = sums[k].pressure(pressure);
      ratios[k] = ranges === 0 ? 0 : pressures / ranges;
    }
    return (100 * (4 * ratios[0] + 2 * ratios[1] + ratios[2])) / 7;
  };
}

/** Ehlers' own code limits the smoothed value, and the next bar smooths from the limited one. */
export function fisher(bars: number): Operator {
  const top = highest(bars);
  const bottom = lowest(bars);
  let place = 0;
  let transformed = 0;
  return (given) => {
    const least = bottom(given);
    const range = top(given) - least;
    if (Number.isNaN(range)) return Number.NaN;
    const raw = range === 0 ? 0 : (given - least) / range - 0.5;
    const smoothed = 0.66 * raw + 0.67 * place;
    place = smoothed > 0.99 ? 0.999 : smoothed < -0.99 ? -0.999 : smoothed;
    transformed = 0.5 * Math.log((1 + place) / (1 - place)) + 0.5 * transformed;
    return transformed;
  };
}
