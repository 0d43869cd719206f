/** Legs between the extremes of a price that reverses by at least a given fraction. */
import type { BarColumns } from "../../../market-data/bars.ts";
import type { Labels } from "./bar-labels.ts";
import { type ConfigOf, classNamesOf } from "./label-config.ts";

export interface ZigzagExtremes {
  /** Bars of the extremes, ascending; bar 0 is always the first, the extreme known so far the last. */
  readonly at: Int32Array;
  /** For each extreme the bar at whose close it stands for good: the reversal. `close.length` for the last one. */
  readonly settledAt: Int32Array;
}

/**
 * The extremes of `close` by one pass: an extreme moves while it is exceeded; a move of `threshold` (a fraction of the
 * extreme) against it settles it, and the bar of the reversal becomes the next extreme. As the indicator `zigzag` of
 * ktrdr (Python), which repaints: useful for labels alone.
 */
export function zigzagExtremes(close: Float64Array, threshold: number): ZigzagExtremes {
  const rows = close.length;
  const at: number[] = [];
  const settledAt: number[] = [];
  let extreme = 0;
  let direction = 0;
  for (let row = 0; row < rows; row++) {
    const change = (close[row] - close[extreme]) / close[extreme];
    if (direction * change > 0) extreme = row;
    else if (Math.abs(change) >= threshold) {
      at.push(extreme);
      settledAt.push(direction === 0 ? 0 : row);
      direction = Math.sign(change);
      extreme = row;
    }
  }
  if (rows > 0) {
    at.push(extreme);
    settledAt.push(direction === 0 ? 0 : rows);
  }
  return { at: Int32Array.from(at), settledAt: Int32Array.from(settledAt) };
}

const [BUY, HOLD, SELL] = [0, 1, 2];

/**
 * Buy on every bar strictly between an extreme and a higher one, sell before a lower one; hold on the extremes. The leg
 * to the last extreme, and hold after it, are not settled: later bars may move them.
 */
export function labelZigzag({ close, rows }: BarColumns, { zigzagThreshold }: ConfigOf<"zigzag">): Labels {
  const extremes = zigzagExtremes(close, zigzagThreshold);
  const values = new Float32Array(rows).fill(HOLD);
  const settledAt = new Int32Array(rows).fill(rows);
  for (let k = 0; k < extremes.at.length; k++) {
    const end = extremes.at[k];
    const start = k === 0 ? end : extremes.at[k - 1];
    if (end > start) {
      values.fill(close[end] > close[start] ? BUY : SELL, start + 1, end);
      settledAt.fill(extremes.settledAt[k], start + 1, end);
    }
    settledAt[end] = extremes.settledAt[k];
  }
  return { classNames: classNamesOf("zigzag"), values, settledAt, weights: null };
}
