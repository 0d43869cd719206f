/**
 * Population standard deviation of the last `period` values in constant time a bar, without subtracting large sums:
 * the series is cut into blocks of `period`; each window is the end of one block and the beginning of the next, whose
 * means and squared deviations are merged (Chan, Golub and LeVeque, The American Statistician 37 (1983) 242, eq. 2.1).
 * Each block is measured from its own first value. Equal values give exactly 0. Written from index period - 1.
 */
export function rollingDeviation(values: Float64Array, period: number, output: Float64Array): void {
  const rows = values.length;
  const endMeans = new Float64Array(period + 1);
  const endSquares = new Float64Array(period + 1);
  const inverses = Float64Array.from({ length: period + 1 }, (_, count) => 1 / count);
  let lastOrigin = 0;
  for (let start = 0; start < rows; start += period) {
    const stop = Math.min(start + period, rows);
    const origin = values[start];
    let mean = 0;
    let squares = 0;
    for (let index = start; index < stop; index++) {
      const count = index - start + 1;
      const value = values[index] - origin;
      const before = value - mean;
      mean += before * inverses[count];
      squares += before * (value - mean);
      if (index < period - 1) continue;
      const apart = mean - endMeans[count] + (origin - lastOrigin);
      const between = count === period ? 0 : apart * apart * count * (period - count) * inverses[period];
      output[index] = Math.sqrt((squares + endSquares[count] + between) * inverses[period]);
    }
    if (stop === start + period) fillEnds(values, start, stop, inverses, endMeans, endSquares);
    lastOrigin = origin;
  }
}

/**
 * The same deviation, one value at a time and bit for bit: NaN until `period` values were given. Constant time a value
 * on average; the last value of each block takes `period` steps.
 */
export function deviationOperator(period: number): (value: number) => number {
  const inverses = Float64Array.from({ length: period + 1 }, (_, count) => 1 / count);
  const endMeans = new Float64Array(period + 1);
  const endSquares = new Float64Array(period + 1);
  const block = new Float64Array(period);
  let count = 0;
  let isFirstBlock = true;
  // Mean, squares, last origin: in an array, since a number that a closure assigns would be a new object each time.
  const state = new Float64Array(3);
  return (given) => {
    if (Number.isNaN(given)) return Number.NaN;
    let mean = count === 0 ? 0 : state[0];
    let squares = count === 0 ? 0 : state[1];
    block[count++] = given;
    const value = given - block[0];
    const before = value - mean;
    mean += before * inverses[count];
    squares += before * (value - mean);
    state[0] = mean;
    state[1] = squares;
    const isDefined = !isFirstBlock || count === period;
    const apart = mean - endMeans[count] + (block[0] - state[2]);
    const between = count === period ? 0 : apart * apart * count * (period - count) * inverses[period];
    const deviation = Math.sqrt((squares + endSquares[count] + between) * inverses[period]);
    if (count === period) {
      fillEnds(block, 0, period, inverses, endMeans, endSquares);
      state[2] = block[0];
      count = 0;
      isFirstBlock = false;
    }
    return isDefined ? deviation : Number.NaN;
  };
}

/** Entry k describes values[start + k .. stop - 1] - values[start]: mean and sum of squared deviations. */
function fillEnds(
  values: Float64Array,
  start: number,
  stop: number,
  inverses: Float64Array,
  endMeans: Float64Array,
  endSquares: Float64Array,
): void {
  const origin = values[start];
  let mean = 0;
  let squares = 0;
  for (let index = stop - 1; index >= start; index--) {
    const value = values[index] - origin;
    const before = value - mean;
    mean += before * inverses[stop - index];
    squares += before * (value - mean);
    endMeans[index - start] = mean;
    endSquares[index - start] = squares;
  }
}
