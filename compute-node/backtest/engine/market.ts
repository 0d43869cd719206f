/** The facts about the bars that statistics need. Computed once for a dataset, and used by every backtest on it. */
import type { Conventions } from "../../../protocol/conventions.ts";
import type { BarColumns } from "../../market-data/bars.ts";
import { type Calendar, calendarOf, fixedLengthMs, nextPeriodStart } from "./calendar.ts";

export interface PreparedMarket {
  readonly bars: BarColumns;
  readonly calendar: Calendar;
  /** The last bar of each of the calendar's periods, ascending; null when every bar is one. */
  readonly periodEnds: Int32Array | null;
}

/** One pass over the bars' times. */
export function prepareMarket(bars: BarColumns, answer: Conventions["calendar"] = "spacing"): PreparedMarket {
  const calendar = calendarOf(bars.timeMs, answer);
  return { bars, calendar, periodEnds: periodEndsOf(bars, calendar) };
}

function periodEndsOf({ rows, timeMs }: BarColumns, { period }: Calendar): Int32Array | null {
  const lengthMs = fixedLengthMs(period);
  const ends = new Int32Array(rows);
  let count = 0;
  let end = rows > 0 ? nextPeriodStart(period, timeMs[0]) : 0;
  for (let bar = 1; bar < rows; bar++) {
    const time = timeMs[bar];
    if (time < end) continue;
    ends[count++] = bar - 1;
    end += lengthMs;
    if (time >= end) end = nextPeriodStart(period, time);
  }
  if (rows > 0) ends[count++] = rows - 1;
  return count === rows ? null : ends.slice(0, count);
}
