/** Times as they stand in files: ISO 8601 and its everyday variants, and counts since 1970. */
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "../../protocol/durations.ts";

export type TimeReading =
  | { readonly ms: number; readonly kind: "date" | "zoned" | "unzoned" | EpochUnit }
  | { readonly fault: string };
export type EpochUnit = "seconds" | "milliseconds" | "microseconds" | "nanoseconds";

const CALENDAR =
  /^(\d{4})(?:([-/.])(\d{1,2})\2(\d{1,2})|(\d{2})(\d{2}))(?:(?:T|\s+)(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*(Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?)?$/i;
const COUNT = /^\d+(\.\d+)?$/;

/**
 * Milliseconds since 1970 of one time. A date alone is the start of its day in UTC; a time without a zone is read as
 * UTC and has kind `unzoned`; eight digits that form a date are a date; the size of any other number tells its unit.
 * Anything else, and a time that does not exist or is finer than a millisecond, is a `fault`, as a phrase that follows
 * the text.
 */
export function readTimeText(text: string): TimeReading {
  const trimmed = text.trim();
  const calendar = CALENDAR.exec(trimmed);
  if (calendar !== null) return readCalendar(calendar);
  if (COUNT.test(trimmed)) return readCount(trimmed);
  return { fault: "is not a time; write it as 2024-01-31, 2024-01-31T09:30:00Z or seconds since 1970" };
}

function readCalendar(match: RegExpExecArray): TimeReading {
  const [, year, , month = match[5], day = match[6], , , hour, minute, second = "0", fraction = "", zone] = match;
  const dayMs = dayStartMs(Number(year), Number(month), Number(day));
  if (Number.isNaN(dayMs)) return { fault: "is not a day of the calendar" };
  if (hour === undefined) return { ms: dayMs, kind: "date" };
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return { fault: "is not a time of day" };
  if (/[1-9]/.test(fraction.slice(3))) return { fault: "is finer than a millisecond" };
  const millisecond = Number(fraction.slice(0, 3).padEnd(3, "0"));
  const ms = dayMs + Number(hour) * HOUR_MS + Number(minute) * MINUTE_MS + Number(second) * SECOND_MS + millisecond;
  if (zone === undefined) return { ms, kind: "unzoned" };
  return { ms: ms - zoneOffsetMs(zone), kind: "zoned" };
}

function zoneOffsetMs(zone: string): number {
  if (/^[a-z]/i.test(zone)) return 0;
  const digits = zone.slice(1).replace(":", "").padEnd(4, "0");
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2));
  return (zone[0] === "-" ? -minutes : minutes) * MINUTE_MS;
}

function readCount(text: string): TimeReading {
  const kind = epochUnit(Number(text));
  const [whole, fraction = ""] = text.split(".");
  const thousandths = {
    seconds: 1000n * 1000n * 1000n,
    milliseconds: 1000n * 1000n,
    microseconds: 1000n,
    nanoseconds: 1n,
  }[kind];
  if (fraction.length > 9) return { fault: "is finer than a millisecond" };
  const nanoseconds = BigInt(whole) * thousandths + (BigInt(fraction.padEnd(9, "0")) * thousandths) / 1_000_000_000n;
  if (nanoseconds % 1_000_000n !== 0n) return { fault: "is finer than a millisecond" };
  return { ms: Number(nanoseconds / 1_000_000n), kind };
}

/** The unit of a count since 1970, by its size: the ranges meet in 1973 and 5138. */
export function epochUnit(count: number): EpochUnit {
  if (count < 1e11) return "seconds";
  if (count < 1e14) return "milliseconds";
  return count < 1e17 ? "microseconds" : "nanoseconds";
}

const DAYS_BEFORE_MONTH = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365];

/** The start of a day of the Gregorian calendar in UTC; NaN for one that does not exist. `month` counts from 1. */
export function dayStartMs(year: number, month: number, day: number): number {
  if (month < 1 || month > 12 || day < 1) return Number.NaN;
  const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const monthDays = DAYS_BEFORE_MONTH[month] - DAYS_BEFORE_MONTH[month - 1] + (isLeap && month === 2 ? 1 : 0);
  if (day > monthDays) return Number.NaN;
  const before = year - 1;
  const leapDays = Math.floor(before / 4) - Math.floor(before / 100) + Math.floor(before / 400);
  const dayOfYear = DAYS_BEFORE_MONTH[month - 1] + (isLeap && month > 2 ? 1 : 0) + day - 1;
  // 719162 days lie before 1970-01-01 in this count.
  return (before * 365 + leapDays + dayOfYear - 719_162) * DAY_MS;
}
