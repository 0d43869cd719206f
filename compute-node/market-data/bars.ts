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
