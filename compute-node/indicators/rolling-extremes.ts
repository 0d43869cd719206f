/**
 * Highest and lowest of the last `period` values in three comparisons a bar, whatever the period: the series is cut
 * into blocks of `period`, and each window is the end of one block and the beginning of the next
 * (van Herk, Pattern Recognition Letters 13 (1992) 517; Gil and Werman, IEEE PAMI 15 (1993) 504).
 * `output` is written from index period - 1.
 */
export function rollingHighest(values: Float64Array, period: number, output: Float64Array): void {
  const rows = values.length;
  const ends = new Float64Array(period + 1).fill(Number.NEGATIVE_INFINITY);
  for (let start = 0; start < rows; start += period) {
    const stop = Math.min(start + period, rows);
    let highest = Number.NEGATIVE_INFINITY;
    for (let index = start; index < stop; index++) {
      if (values[index] > highest) highest = values[index];
      const fromEnd = ends[index - start + 1];
      if (index >= period - 1) output[index] = Math.max(fromEnd, highest);
    }
    if (stop === start + period) fillEndsHighest(values, start, stop, ends);
  }
}

/** The mirror image of `rollingHighest`. */
export function rollingLowest(values: Float64Array, period: number, output: Float64Array): void {
  const rows = values.length;
  const ends = new Float64Array(period + 1).fill(Number.POSITIVE_INFINITY);
  for (let start = 0; start < rows; start += period) {
    const stop = Math.min(start + period, rows);
    let lowest = Number.POSITIVE_INFINITY;
    for (let index = start; index < stop; index++) {
      if (values[index] < lowest) lowest = values[index];
      const fromEnd = ends[index - start + 1];
      if (index >= period - 1) output[index] = Math.min(fromEnd, lowest);
    }
    if (stop === start + period) fillEndsLowest(values, start, stop, ends);
  }
}

/** `rollingHighest`, one value at a time: NaN until `period` values were given. */
export function highestOperator(period: number): (value: number) => number {
  const ends = new Float64Array(period + 1).fill(Number.NEGATIVE_INFINITY);
  const block = new Float64Array(period);
  const soFar = new Float64Array(1);
  let count = 0;
  let isFirstBlock = true;
  return (value) => {
    if (Number.isNaN(value)) return Number.NaN;
    const before = count === 0 ? Number.NEGATIVE_INFINITY : soFar[0];
    block[count++] = value;
    const highest = Math.max(value, before);
    soFar[0] = highest;
    const result = isFirstBlock && count < period ? Number.NaN : Math.max(ends[count], highest);
    if (count === period) {
      fillEndsHighest(block, 0, period, ends);
      count = 0;
      isFirstBlock = false;
    }
    return result;
  };
}

/** The mirror image of `highestOperator`. */
export function lowestOperator(period: number): (value: number) => number {
  const ends = new Float64Array(period + 1).fill(Number.POSITIVE_INFINITY);
  const block = new Float64Array(period);
  const soFar = new Float64Array(1);
  let count = 0;
  let isFirstBlock = true;
  return (value) => {
    if (Number.isNaN(value)) return Number.NaN;
    const before = count === 0 ? Number.POSITIVE_INFINITY : soFar[0];
    block[count++] = value;
    const lowest = Math.min(value, before);
    soFar[0] = lowest;
    const result = isFirstBlock && count < period ? Number.NaN : Math.min(ends[count], lowest);
    if (count === period) {
      fillEndsLowest(block, 0, period, ends);
      count = 0;
      isFirstBlock = false;
    }
    return result;
  };
}

/** ends[k] becomes the highest of values[start + k .. stop - 1]. */
function fillEndsHighest(values: Float64Array, start: number, stop: number, ends: Float64Array): void {
  let highest = Number.NEGATIVE_INFINITY;
  for (let index = stop - 1; index >= start; index--) {
    if (values[index] > highest) highest = values[index];
    ends[index - start] = highest;
  }
}

/** ends[k] becomes the lowest of values[start + k .. stop - 1]. */
function fillEndsLowest(values: Float64Array, start: number, stop: number, ends: Float64Array): void {
  let lowest = Number.POSITIVE_INFINITY;
  for (let index = stop - 1; index >= start; index--) {
    if (values[index] < lowest) lowest = values[index];
    ends[index - start] = lowest;
  }
}
