/** Longer bars made of the bars at hand, for `close@1d` in rules. */
import { DAY_MS } from "../../protocol/durations.ts";
import { Problem } from "../../protocol/problem.ts";
import type { BarColumns } from "../market-data/bars.ts";
import { timeframeMs } from "../market-data/timeframe.ts";

export interface LongerBars {
  readonly bars: BarColumns;
  /**
   * For each bar at hand the newest longer bar that is over, -1 where none is. A longer bar is over when a bar of a later
   * one is there: how long the last bar at hand lasts is not known, and so nothing is shown too early.
   */
  readonly newest: Int32Array;
}

/** From this many bars on it is certain enough whether they are shorter than the longer ones. */
const ENOUGH_BARS = 50;
/** 1970-01-05, the first Monday. */
const FIRST_MONDAY_MS = 4 * DAY_MS;

/** Days, weeks from Monday and months are those of UTC. Throws a `Problem` where the bars are no shorter. */
export function longerBars(bars: BarColumns, timeframe: string): LongerBars {
  const period = periodOf(timeframe);
  const { rows } = bars;
  const first = new Int32Array(rows + 1);
  const newest = new Int32Array(rows);
  let count = 0;
  let current = Number.NaN;
  for (let row = 0; row < rows; row++) {
    const own = period(bars.timeMs[row]);
    if (own !== current) {
      first[count++] = row;
      current = own;
    }
    newest[row] = count - 2;
  }
  first[count] = rows;
  if (count === rows && rows >= ENOUGH_BARS) {
    throw new Problem("invalid-strategy", `The rules read ${timeframe} bars, and the data's bars are no shorter.`, {
      cure: `Give data with bars shorter than ${timeframe}, or leave out "@${timeframe}".`,
    });
  }
  return { bars: joined(bars, first, count), newest };
}

function periodOf(timeframe: string): (timeMs: number) => number {
  if (timeframe.endsWith("mo")) {
    const months = Number.parseInt(timeframe, 10);
    return (timeMs) => {
      const date = new Date(timeMs);
      return Math.floor((date.getUTCFullYear() * 12 + date.getUTCMonth()) / months);
    };
  }
  const lengthMs = timeframeMs(timeframe);
  const originMs = timeframe.endsWith("w") ? FIRST_MONDAY_MS : 0;
  return (timeMs) => Math.floor((timeMs - originMs) / lengthMs);
}

/** Bars first[k] to first[k + 1] - 1 become bar k. */
function joined(bars: BarColumns, first: Int32Array, count: number): BarColumns {
  const column = () => new Float64Array(count);
  const longer = { timeMs: column(), open: column(), high: column(), low: column(), close: column(), volume: column() };
  for (let k = 0; k < count; k++) {
    const [from, last] = [first[k], first[k + 1] - 1];
    let [high, low, volume] = [bars.high[from], bars.low[from], 0];
    for (let row = from; row <= last; row++) {
      high = Math.max(high, bars.high[row]);
      low = Math.min(low, bars.low[row]);
      volume += bars.volume[row];
    }
    longer.timeMs[k] = bars.timeMs[from];
    longer.open[k] = bars.open[from];
    longer.high[k] = high;
    longer.low[k] = low;
    longer.close[k] = bars.close[last];
    longer.volume[k] = volume;
  }
  return { rows: count, ...longer };
}
