/**
 * Means of the last `period` values, without drift: the window's sum is kept as an unevaluated pair `high + low`
 * (Knuth's TwoSum; The Art of Computer Programming, volume 2, 4.2.2, theorem B), so that what leaves the window takes
 * along exactly what it brought, and the quotient is corrected by its remainder. The mean of equal values is that value.
 * Values must be finite and below 1e300 in magnitude. `output` is written from index period - 1.
 */
export function rollingMean(values: Float64Array, period: number, output: Float64Array): void {
  const rows = values.length;
  const inverse = 1 / period;
  let high = 0;
  let low = 0;
  for (let index = 0; index < rows; index++) {
    const entering = values[index];
    const grown = high + entering;
    const enteringPart = grown - high;
    low += high - (grown - enteringPart) + (entering - enteringPart);
    high = grown;
    if (index < period - 1) continue;
    output[index] = dividedBy(high, low, period, inverse);
    const leaving = values[index - period + 1];
    const shrunk = high - leaving;
    const leavingPart = high - shrunk;
    low += high - (shrunk + leavingPart) - (leaving - leavingPart);
    high = shrunk;
  }
}

/**
 * The same mean, one value at a time and bit for bit: a function of the next value, NaN until `period` were given.
 */
export function meanOperator(period: number): (value: number) => number {
  const inverse = 1 / period;
  const window = new Float64Array(period);
  // High and low in an array: a number that a closure assigns would be a new object each time.
  const sum = new Float64Array(2);
  let count = 0;
  let at = 0;
  return (value) => {
    if (Number.isNaN(value)) return Number.NaN;
    const high = sum[0];
    const grown = high + value;
    const enteringPart = grown - high;
    const low = sum[1] + (high - (grown - enteringPart) + (value - enteringPart));
    sum[0] = grown;
    sum[1] = low;
    window[at] = value;
    at = at + 1 === period ? 0 : at + 1;
    if (++count < period) return Number.NaN;
    const leaving = window[at];
    const shrunk = grown - leaving;
    const leavingPart = grown - shrunk;
    sum[0] = shrunk;
    sum[1] = low + (grown - (shrunk + leavingPart) - (leaving - leavingPart));
    return dividedBy(grown, low, period, inverse);
  };
}

/** Splits a double into two halves of at most 26 bits (Veltkamp). */
const SPLITTER = 2 ** 27 + 1;

/** (high + low) / count, right to about one unit in the last place of the exact quotient of the pair. */
function dividedBy(high: number, low: number, count: number, inverse: number): number {
  const quotient = high / count;
  const scaled = SPLITTER * quotient;
  const upper = scaled - (scaled - quotient);
  const remainder = high - upper * count - (quotient - upper) * count + low;
  return quotient + remainder * inverse;
}
