/**
 * Bars in memory: one typed array a column, all on one SharedArrayBuffer where job threads share them.
 * Validated once, by the loader: `timeMs` strictly ascends, prices are finite and positive unless the
 * loader was told otherwise, low ≤ open, close ≤ high.
 */
export interface BarColumns {
  /** Number of bars; every column has this length. */
  readonly rows: number;
  /** Start of each bar, integer milliseconds since the epoch, UTC. */
  readonly timeMs: Float64Array;
  readonly open: Float64Array;
  readonly high: Float64Array;
  readonly low: Float64Array;
  readonly close: Float64Array;
  readonly volume: Float64Array;
}

/** The columns in their canonical order: on disk, in a content hash, and for a thread that rebuilds them. */
export const BAR_COLUMN_NAMES = ["timeMs", "open", "high", "low", "close", "volume"] as const;

/** Bytes that one bar takes in memory and on disk. */
export const BYTES_PER_BAR = BAR_COLUMN_NAMES.length * Float64Array.BYTES_PER_ELEMENT;

/** `rows` zeroed bars on one new SharedArrayBuffer, the columns one after another. */
export function allocateBars(rows: number): BarColumns {
  return barsOn(new SharedArrayBuffer(rows * BYTES_PER_BAR), rows);
}

/** Columns over a buffer that holds `rows` bars in canonical order; a job thread gets back its posted bars with it. */
export function barsOn(buffer: ArrayBufferLike, rows: number): BarColumns {
  const column = (index: number) => new Float64Array(buffer, index * rows * Float64Array.BYTES_PER_ELEMENT, rows);
  return {
    rows,
    timeMs: column(0),
    open: column(1),
    high: column(2),
    low: column(3),
    close: column(4),
    volume: column(5),
  };
}

/** Bars `from` (inclusive) to `to` (exclusive) as views on the same memory. */
export function barsBetween(bars: BarColumns, from: number, to: number): BarColumns {
  return {
    rows: to - from,
    timeMs: bars.timeMs.subarray(from, to),
    open: bars.open.subarray(from, to),
    high: bars.high.subarray(from, to),
    low: bars.low.subarray(from, to),
    close: bars.close.subarray(from, to),
    volume: bars.volume.subarray(from, to),
  };
}

/**
 * The bars whose start lies within [startMs, endMs], both inclusive, by binary search and without a copy.
 * No bar in the range gives zero rows; the caller decides whether that is an error.
 */
export function sliceBars(bars: BarColumns, startMs = -Infinity, endMs = Infinity): BarColumns {
  const from = firstAtOrAfter(bars.timeMs, startMs);
  const to = Math.max(from, firstAbove(bars.timeMs, endMs));
  return barsBetween(bars, from, to);
}

function firstAtOrAfter(ascending: Float64Array, value: number): number {
  return partitionPoint(ascending.length, (index) => ascending[index] < value);
}

function firstAbove(ascending: Float64Array, value: number): number {
  return partitionPoint(ascending.length, (index) => ascending[index] <= value);
}

/** The first index for which `isBefore` is false, given that it is true and then false. */
function partitionPoint(length: number, isBefore: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}
