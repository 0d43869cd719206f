/**
 * Averages, one value at a time. Their state lies in arrays, since a number that a closure assigns would be a new
 * object each time. An operator is a function of the next value; it gives NaN until it is warm, and
 * passes a NaN through without taking it in, so that operators chain and warm up one after another.
 */
import { meanOperator } from "../rolling-mean.ts";

export type Operator = (value: number) => number;

export { meanOperator as mean };

/** alpha 2 / (period + 1), seeded with the plain mean of the first `period` values (as `exponentialFrom`). */
export function exponential(period: number): Operator {
  const alpha = 2 / (period + 1);
  return seeded(period, (average, value) => average + alpha * (value - average));
}

/** Wilder's: seeded with the mean of the first `period` values, then (last × (period - 1) + value) / period. */
export function wilder(period: number): Operator {
  return seeded(period, (average, value) => (average * (period - 1) + value) / period);
}

function seeded(period: number, next: (average: number, value: number) => number): Operator {
  const average = new Float64Array(1);
  let count = 0;
  return (value) => {
    if (Number.isNaN(value)) return Number.NaN;
    if (count >= period) {
      average[0] = next(average[0], value);
      return average[0];
    }
    average[0] += value;
    if (++count < period) return Number.NaN;
    average[0] /= period;
    return average[0];
  };
}

/** Exponential with the first value as its seed: no warm-up (`ewm(adjust=False)` of pandas). */
export function exponentialFromFirst(alpha: number): Operator {
  const average = new Float64Array(1).fill(Number.NaN);
  return (value) => {
    if (Number.isNaN(value)) return Number.NaN;
    average[0] = Number.isNaN(average[0]) ? value : (1 - alpha) * average[0] + alpha * value;
    return average[0];
  };
}

/** Exponential with weights that sum to one over the values there are (`ewm(adjust=True)` of pandas). */
export function exponentialAdjusted(alpha: number): Operator {
  const state = new Float64Array(2);
  return (value) => {
    if (Number.isNaN(value)) return Number.NaN;
    state[0] = state[0] * (1 - alpha) + value;
    state[1] = state[1] * (1 - alpha) + 1;
    return state[0] / state[1];
  };
}

/** Weights 1 (oldest) to `period` (newest), in the blocks and thus the bits of `weightedMovingAverage`. */
export function weighted(period: number): Operator {
  const weightSum = (period * (period + 1)) / 2;
  const endWeighted = new Float64Array(period + 1);
  const block = new Float64Array(period);
  let count = 0;
  let isFirstBlock = true;
  let sum = 0;
  let weightedSum = 0;
  return (value) => {
    if (Number.isNaN(value)) return Number.NaN;
    if (count === 0) [sum, weightedSum] = [0, 0];
    block[count++] = value;
    sum += value;
    weightedSum += count * value;
    const isWarm = !isFirstBlock || count === period;
    const result = (endWeighted[count] + (weightedSum + (period - count) * sum)) / weightSum;
    if (count === period) {
      fillEndWeights(block, endWeighted);
      count = 0;
      isFirstBlock = false;
    }
    return isWarm ? result : Number.NaN;
  };
}

function fillEndWeights(block: Float64Array, endWeighted: Float64Array): void {
  let sum = 0;
  let soFar = 0;
  for (let index = block.length - 1; index >= 0; index--) {
    sum += block[index];
    soFar += sum;
    endWeighted[index] = soFar;
  }
}

/** `operator` with its first `period` - 1 values hidden. */
export function warmed(period: number, operator: Operator): Operator {
  let count = 0;
  return (value) => {
    const result = operator(value);
    return !Number.isNaN(result) && ++count >= period ? result : Number.NaN;
  };
}

/** TA-Lib's triangular average: two plain averages whose windows together span `period` values. */
export function triangular(period: number): Operator {
  const half = Math.floor((period + 1) / 2);
  const inner = meanOperator(half);
  const outer = meanOperator(period + 1 - half);
  return (value) => outer(inner(value));
}

/** Fixed weights, oldest first; `weights.length` steps a value. They need not sum to one. */
export function convolved(weights: Float64Array): Operator {
  const period = weights.length;
  const window = new Float64Array(2 * period);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let at = 0;
  let count = 0;
  return (value) => {
    if (Number.isNaN(value)) return Number.NaN;
    // Written twice, so that the last `period` values always lie in one piece.
    window[at] = value;
    window[at + period] = value;
    at = at + 1 === period ? 0 : at + 1;
    if (++count < period) return Number.NaN;
    let sum = 0;
    for (let index = 0; index < period; index++) sum += weights[index] * window[at + index];
    return sum / total;
  };
}
