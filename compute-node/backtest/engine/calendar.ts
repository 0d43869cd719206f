/** Days, weeks, months and years in UTC, and the period and market that the bars' spacing implies. */
import type { Conventions } from "../../../protocol/conventions.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../../../protocol/durations.ts";

/** A stretch of the calendar that groups bars; "bar" for bars that are each a period of their own. */
export type Period = "day" | "week" | "month" | "year" | "bar";

/** The start of the period after the one that holds `timeMs`, at most. Weeks begin on Monday; a bar's end is not known. */
export function nextPeriodStart(period: Period, timeMs: number): number {
  if (period === "bar") return timeMs;
  const day = Math.floor(timeMs / DAY_MS);
  if (period === "day") return (day + 1) * DAY_MS;
  // 1970-01-01 was a Thursday, three days after a Monday.
  if (period === "week") return (Math.floor((day + 3) / 7) * 7 + 4) * DAY_MS;
  const date = new Date(timeMs);
  if (period === "month") return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
  return Date.UTC(date.getUTCFullYear() + 1, 0, 1);
}

/** The number of bars at the end of the data that decide the usual spacing. */
const SPACING_BARS = 100;

/** Median distance of the last 100 bars, milliseconds; NaN below two bars. */
export function medianSpacingMs(timeMs: Float64Array): number {
  const tail = timeMs.subarray(Math.max(0, timeMs.length - SPACING_BARS));
  if (tail.length < 2) return Number.NaN;
  const distances = Float64Array.from({ length: tail.length - 1 }, (_, index) => tail[index + 1] - tail[index]).sort();
  const middle = distances.length >> 1;
  return distances.length % 2 === 1 ? distances[middle] : (distances[middle - 1] + distances[middle]) / 2;
}

/** The unit that durations are rounded up to: the smallest of day, hour, minute and second that fits the spacing. */
export function durationUnitMs(spacingMs: number): number {
  return [DAY_MS, HOUR_MS, MINUTE_MS, 1000].find((unit) => spacingMs % unit === 0) ?? 1;
}

/** Weekend bars above this share mean a market that never closes: 60 % of an even spread's. */
const WEEKEND_SHARE = (2 / 7) * 0.6;

export interface Calendar {
  /** The period over which returns are measured. */
  readonly period: Period;
  /** The number of them in a year. */
  readonly periodsPerYear: number;
}

/** Bars of two days and more by their spacing; shorter ones by days, 252 or (with weekends) 365 a year. */
export function calendarOf(timeMs: Float64Array, answer: Conventions["calendar"] = "spacing"): Calendar {
  const spacingDays = Math.floor(medianSpacingMs(timeMs) / DAY_MS);
  if (answer === "four_lengths") return calendarOfFourLengths(timeMs, spacingDays);
  return spacingDays >= 2
    ? { period: "bar", periodsPerYear: barsPerYear(spacingDays) }
    : { period: "day", periodsPerYear: daysPerYear(timeMs) };
}

function barsPerYear(spacingDays: number): number {
  if (spacingDays === 7) return 52;
  if (spacingDays >= 28 && spacingDays <= 31) return 12;
  if (spacingDays >= 89 && spacingDays <= 92) return 4;
  return spacingDays === 365 || spacingDays === 366 ? 1 : 365 / spacingDays;
}

/** As backtesting.py 0.6.6 has it. */
function calendarOfFourLengths(timeMs: Float64Array, spacingDays: number): Calendar {
  if (spacingDays === 7) return { period: "week", periodsPerYear: 52 };
  if (spacingDays === 31) return { period: "month", periodsPerYear: 12 };
  if (spacingDays === 365) return { period: "year", periodsPerYear: 1 };
  return { period: "day", periodsPerYear: daysPerYear(timeMs) };
}

function daysPerYear(timeMs: Float64Array): number {
  return weekendShare(timeMs) > WEEKEND_SHARE ? 365 : 252;
}

function weekendShare(timeMs: Float64Array): number {
  const rows = timeMs.length;
  let weekend = 0;
  let dayEnd = Number.NEGATIVE_INFINITY;
  /** Counted from Monday, 0. */
  let weekday = 0;
  for (let bar = 0; bar < rows; bar++) {
    const time = timeMs[bar];
    if (time >= dayEnd) {
      // Mostly the next day, one addition away; after a gap it is worked out anew.
      dayEnd += DAY_MS;
      weekday = weekday === 6 ? 0 : weekday + 1;
      if (!(time < dayEnd)) {
        const day = Math.floor(time / DAY_MS);
        dayEnd = (day + 1) * DAY_MS;
        weekday = (day + 3) % 7;
      }
    }
    if (weekday >= 5) weekend++;
  }
  return weekend / rows;
}

/** Milliseconds of a period, or 0 when its length varies. */
export function fixedLengthMs(period: Period): number {
  if (period === "day") return DAY_MS;
  return period === "week" ? 7 * DAY_MS : 0;
}
