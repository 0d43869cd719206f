/**
 * @file Means of the last `period` values, without drift, right to about half a unit in the last place. The mean of equal
 * values is that value.
 *
 * Mostly the values of a window are positive and of one magnitude, as prices are. Then each is cut in two on one grid:
 * a high part of at most 26 bits, and the rest. Sums of either part are exact, so a value that leaves the window takes
 * along exactly what it brought, and the mean is a multiple of the grid with a small correction. A value that the grid
 * does not hold asks for a new one.
 *
 * Where no grid holds a window, its sum is an unevaluated pair `high + low` for a while (Knuth's TwoSum; The Art of
 * Computer Programming, volume 2, 4.2.2, theorem B), and the quotient is corrected by its remainder.
 */

/** Cuts values from `bottom` to `top`, both exclusive. */
interface Grid {
  /** Adding it and taking it away again rounds to the grid: its last place is a step of it. */
  readonly splitter: number;
  readonly top: number;
  readonly bottom: number;
}

/** A grid is made this much larger than the window's largest value, so that it holds for a while. */
const HEADROOM = 2;
/** A fraction of `top`, for a window of one value: the least value whose every bit still counts in the rests' sum. */
const LEAST_SHARE = 2 ** -20;
/** Far from where `splitter` overflows and where the last bits vanish. */
const [SMALLEST, LARGEST] = [2 ** -900, 2 ** 900];

/** A grid for the values in [from, to), or null where they lie too far apart, or one is not positive. */
function gridOf(values: Float64Array, from: number, to: number): Grid | null {
  let largest = 0;
  for (let index = from; index < to; index++) {
    if (!(values[index] > 0)) return null;
    if (values[index] > largest) largest = values[index];
  }
  if (!(largest > SMALLEST && largest < LARGEST)) return null;
  let top = 1;
  while (top <= largest) top *= 2;
  while (top > 2 * largest) top /= 2;
  top *= HEADROOM;
  const bottom = top * (to - from) * LEAST_SHARE;
  for (let index = from; index < to; index++) {
    if (values[index] <= bottom) return null;
  }
  return { splitter: 1.5 * 2 ** 26 * top, top, bottom };
}

/** A pair stays in use for at least this many values before a grid is looked for again. */
const PAIR_VALUES = 1024;

/**
 * Values must be finite and below 1e300 in magnitude. `output` is written from index period - 1, and each of its values
 * depends on no later one. Takes 18 operations a value where a grid holds.
 */
export function rollingMean(values: Float64Array, period: number, output: Float64Array): void {
  const rows = values.length;
  let index = period - 1;
  while (index < rows) {
    const grid = gridOf(values, index - period + 1, index + 1);
    if (grid !== null) index = meansOnGrid(values, period, grid, index, output);
    else {
      const end = Math.min(index + Math.max(PAIR_VALUES, period), rows);
      meansOfPairs(values, period, index, end, output);
      index = end;
    }
  }
}

/** Writes from index `from`, whose window the grid holds, to the first value that it does not hold; answers that index. */
function meansOnGrid(values: Float64Array, period: number, grid: Grid, from: number, output: Float64Array): number {
  const { splitter, top, bottom } = grid;
  const rows = values.length;
  const inverse = 1 / period;
  let high = 0;
  let low = 0;
  for (let index = from - period + 1; index <= from; index++) {
    const part = values[index] + splitter - splitter;
    high += part;
    low += values[index] - part;
  }
  output[from] = meanOnGrid(high, low, period, inverse, splitter);
  for (let index = from + 1, left = index - period; index < rows; index++, left++) {
    const entering = values[index];
    if (!(entering < top && entering > bottom)) return index;
    const leaving = values[left];
    const enteringPart = entering + splitter - splitter;
    const leavingPart = leaving + splitter - splitter;
    high += enteringPart - leavingPart;
    low += entering - enteringPart - (leaving - leavingPart);
    output[index] = meanOnGrid(high, low, period, inverse, splitter);
  }
  return rows;
}

/** The nearest step of the grid, and the rest up to the mean. All but the last two operations are exact. */
function meanOnGrid(high: number, low: number, period: number, inverse: number, splitter: number): number {
  const step = high * inverse + splitter - splitter;
  return step + (high - step * period + low) * inverse;
}

/** Writes [from, end), from a fresh sum. */
function meansOfPairs(values: Float64Array, period: number, from: number, end: number, output: Float64Array): void {
  const inverse = 1 / period;
  let high = 0;
  let low = 0;
  for (let index = from - period + 1; index < end; index++) {
    const entering = values[index];
    const grown = high + entering;
    const enteringPart = grown - high;
    low += high - (grown - enteringPart) + (entering - enteringPart);
    high = grown;
    if (index < from) continue;
    output[index] = dividedBy(high, low, period, inverse);
    const leaving = values[index - period + 1];
    const shrunk = high - leaving;
    const leavingPart = high - shrunk;
    low += high - (shrunk + leavingPart) - (leaving - leavingPart);
    high = shrunk;
  }
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

/**
 * The same mean, one value at a time and bit for bit: a function of the next value, NaN until `period` were given, and for
 * NaN, which it does not count.
 */
export function meanOperator(period: number): (value: number) => number {
  const window = new MeanWindow(period);
  return (value) => (Number.isNaN(value) ? Number.NaN : window.push(value));
}

class MeanWindow {
  private readonly period: number;
  private readonly inverse: number;
  /** A ring; the next value overwrites the oldest. */
  private readonly values: Float64Array;
  /** The ring's values, oldest first, and the output of `meansOfPairs`. */
  private readonly inOrder: Float64Array;
  private at = 0;
  private count = 0;
  private grid: Grid | null = null;
  /** How many values the pair stays in use for; 0 with a grid. */
  private pairValues = 0;
  private high = 0.5;
  private low = 0.5;

  constructor(period: number) {
    this.period = period;
    this.inverse = 1 / period;
    this.values = new Float64Array(period);
    this.inOrder = new Float64Array(period);
  }

  push(value: number): number {
    const leaving = this.values[this.at];
    this.values[this.at] = value;
    this.at = this.at + 1 === this.period ? 0 : this.at + 1;
    if (this.count < this.period && ++this.count < this.period) return Number.NaN;
    if (this.grid !== null && holds(this.grid, value)) return this.onGrid(this.grid, value, leaving);
    if (this.pairValues > 0) return this.ofPair(value, leaving);
    return this.afresh();
  }

  private onGrid({ splitter }: Grid, entering: number, leaving: number): number {
    const enteringPart = entering + splitter - splitter;
    const leavingPart = leaving + splitter - splitter;
    this.high += enteringPart - leavingPart;
    this.low += entering - enteringPart - (leaving - leavingPart);
    return meanOnGrid(this.high, this.low, this.period, this.inverse, splitter);
  }

  private ofPair(entering: number, leaving: number): number {
    this.pairValues--;
    this.addToPair(-leaving);
    this.addToPair(entering);
    return dividedBy(this.high, this.low, this.period, this.inverse);
  }

  private addToPair(value: number): void {
    const { high } = this;
    const grown = high + value;
    const part = grown - high;
    this.low += high - (grown - part) + (value - part);
    this.high = grown;
  }

  /** A new sum over the window. */
  private afresh(): number {
    const { period, values, inOrder, at } = this;
    inOrder.set(values.subarray(at), 0);
    inOrder.set(values.subarray(0, at), period - at);
    this.grid = gridOf(inOrder, 0, period);
    this.high = 0;
    this.low = 0;
    if (this.grid === null) {
      this.pairValues = Math.max(PAIR_VALUES, period) - 1;
      for (const value of inOrder) this.addToPair(value);
      return dividedBy(this.high, this.low, period, this.inverse);
    }
    const { splitter } = this.grid;
    for (const value of inOrder) {
      const part = value + splitter - splitter;
      this.high += part;
      this.low += value - part;
    }
    return meanOnGrid(this.high, this.low, period, this.inverse, splitter);
  }
}

function holds({ top, bottom }: Grid, value: number): boolean {
  return value < top && value > bottom;
}
