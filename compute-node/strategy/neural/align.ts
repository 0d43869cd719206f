/** Bars of several timeframes on one clock, without a look ahead. */
import type { BarColumns } from "../../market-data/bars.ts";

/** No bar of the other series is closed yet. */
export const NONE = -1;

/**
 * For each base bar the index of the newest other bar that is closed when the base bar closes, or `NONE`: an other bar
 * that starts at t and lasts D is known at base bar s when t + D ≤ s + base duration. Works both ways: an hourly bar sees
 * the last day that is over, and the last five minutes of itself.
 */
export function closedBars(
  baseTimeMs: Float64Array,
  baseDurationMs: number,
  otherTimeMs: Float64Array,
  otherDurationMs: number,
): Int32Array {
  const rows = baseTimeMs.length;
  const others = otherTimeMs.length;
  const newest = new Int32Array(rows);
  let next = 0;
  for (let row = 0; row < rows; row++) {
    const closesMs = baseTimeMs[row] + baseDurationMs;
    while (next < others && otherTimeMs[next] + otherDurationMs <= closesMs) next++;
    newest[row] = next - 1;
  }
  return newest;
}

/** values[indices[row]] for each row, NaN for `NONE`. */
function gather(values: Float64Array, indices: Int32Array): Float64Array {
  const result = new Float64Array(indices.length);
  for (let row = 0; row < indices.length; row++) {
    const index = indices[row];
    result[row] = index === NONE ? Number.NaN : values[index];
  }
  return result;
}

/** A series on the bars of another: each bar holds the value that was known when it closed. */
export function barsAsKnown(
  series: BarColumns,
  seriesDurationMs: number,
  clock: BarColumns,
  clockDurationMs: number,
): BarColumns {
  const newest = closedBars(clock.timeMs, clockDurationMs, series.timeMs, seriesDurationMs);
  const column = (values: Float64Array) => gather(values, newest);
  return {
    rows: clock.rows,
    timeMs: clock.timeMs,
    open: column(series.open),
    high: column(series.high),
    low: column(series.low),
    close: column(series.close),
    volume: column(series.volume),
  };
}
