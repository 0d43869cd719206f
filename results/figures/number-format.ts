/** Figures as people read them. The same text on every machine: the locale is fixed. */
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "../../protocol/durations.ts";
import type { FigureUnit } from "../declaration/index.ts";

/** A statistic as the wire has it: null is undefined, infinities are texts. */
export type StatisticValue = number | "Infinity" | "-Infinity" | null;

export const UNDEFINED_FIGURE = "–";
const MINUS = "\u2212";
const DIGITS: Record<Exclude<FigureUnit, "duration" | "date">, number> = {
  percent: 2,
  money: 2,
  ratio: 3,
  bars: 1,
  count: 0,
};
/** Larger figures are written with an exponent, since nobody counts so many digits. */
const EXPONENT_FROM = 1e12;

/** The figure without its unit; durations carry theirs. `formatFigure(-1234.5, "money")` is `−1,234.50`. */
export function formatFigure(value: StatisticValue, unit: FigureUnit): string {
  if (value === null || Number.isNaN(value)) return UNDEFINED_FIGURE;
  if (value === "Infinity" || value === Infinity) return "∞";
  if (value === "-Infinity" || value === -Infinity) return `${MINUS}∞`;
  if (unit === "duration") return formatDuration(value);
  if (unit === "date") return formatTime(value);
  return formatNumber(value, DIGITS[unit]);
}

/** The unit's sign behind a figure. */
export function unitText(unit: FigureUnit): string {
  return unit === "percent" ? "%" : "";
}

/** Writes a number with thousands separators and a true minus sign; `digits` are those after the point. */
export function formatNumber(value: number, digits: number): string {
  const size = Math.abs(value);
  const text =
    size >= EXPONENT_FROM
      ? size.toExponential(3)
      : size.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const isZero = !/[1-9]/.test(text);
  return value < 0 && !isZero ? MINUS + text : text;
}

/** Writes all significant digits and no more, for parameters and settings: `0.001`, `20`, `1e-7`. */
export function formatExact(value: number): string {
  return String(value).replace("-", MINUS);
}

/** Writes a duration in its two largest units, and in whole days from ten days on. `formatDuration(5_400_000)` is `1 h 30 min`. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 0) return MINUS + formatDuration(-durationMs);
  if (durationMs >= 10 * DAY_MS) return `${formatNumber(Math.round(durationMs / DAY_MS), 0)} d`;
  if (durationMs >= DAY_MS) return twoUnits(durationMs, DAY_MS, "d", HOUR_MS, "h");
  if (durationMs >= HOUR_MS) return twoUnits(durationMs, HOUR_MS, "h", MINUTE_MS, "min");
  if (durationMs >= MINUTE_MS) return twoUnits(durationMs, MINUTE_MS, "min", SECOND_MS, "s");
  return `${formatNumber(Math.round(durationMs / SECOND_MS), 0)} s`;
}

function twoUnits(durationMs: number, largeMs: number, large: string, smallMs: number, small: string): string {
  const smallUnits = Math.round(durationMs / smallMs);
  const perLarge = largeMs / smallMs;
  const rest = smallUnits % perLarge;
  return `${Math.floor(smallUnits / perLarge)} ${large}${rest === 0 ? "" : ` ${rest} ${small}`}`;
}

/** Writes a moment in UTC; the time of day only where there is one. */
export function formatTime(timeMs: number): string {
  const text = new Date(timeMs).toISOString();
  return timeMs % DAY_MS === 0 ? text.slice(0, 10) : `${text.slice(0, 10)} ${text.slice(11, 16)}`;
}
