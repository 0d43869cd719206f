/** The checks that bars of every origin pass before anything else sees them. */
import type { ResultWarning } from "../../protocol/index.ts";
import { BAR_COLUMN_NAMES, type BarColumns } from "./bars.ts";
import type { RowFaults } from "./row-faults.ts";

/** 2200-01-01: a later time is a wrong unit rather than a price. */
const LATEST_MS = 7_258_118_400_000;

const SORT_CURE = "Sort the rows by time, or load the file with --sort.";
const NON_POSITIVE_CURE = "Correct the rows, or load the file with --allow-non-positive where such prices are real.";

export interface ValidationOptions {
  /** Puts rows in order of time instead of rejecting them. Equal times are rejected in any case. */
  readonly sort?: boolean;
  /** Accepts prices of zero and below, such as spreads and oil futures in April 2020. */
  readonly allowNonPositive?: boolean;
}

/**
 * Checks that times ascend strictly within 1970 to 2200, that prices are finite, positive (unless allowed otherwise) and
 * within [low, high], and that volumes are finite and not negative. Adds every violation to `faults`; sorts in
 * place when asked.
 *
 * @param placeOf the line or row of the file, from 1, that bar number `row` came from.
 * @returns a warning when the order was changed.
 */
export function validateBars(
  bars: BarColumns,
  placeOf: (row: number) => number,
  faults: RowFaults,
  options: ValidationOptions,
): ResultWarning[] {
  const order = options.sort ? sortByTime(bars) : null;
  const place = order === null ? placeOf : (row: number) => placeOf(order.rows[row]);
  const priceFloor = options.allowNonPositive ? -Infinity : 0;
  const { timeMs, open, high, low, close, volume } = bars;
  let previous = -1;
  for (let row = 0; row < bars.rows; row++) {
    const time = timeMs[row];
    const bottom = low[row];
    const top = high[row];
    // Written so that a NaN anywhere makes it false.
    const isGood =
      time > previous &&
      time <= LATEST_MS &&
      bottom > priceFloor &&
      top < Infinity &&
      bottom <= open[row] &&
      open[row] <= top &&
      bottom <= close[row] &&
      close[row] <= top &&
      volume[row] >= 0 &&
      volume[row] < Infinity;
    if (!isGood) describeFaults(bars, row, place, priceFloor, faults);
    previous = time;
  }
  if (order === null) return [];
  const count = order.moved;
  return [{ code: "rows-sorted", message: `${count} rows were not in order of time and were sorted.`, count }];
}

function describeFaults(
  bars: BarColumns,
  row: number,
  place: (row: number) => number,
  priceFloor: number,
  faults: RowFaults,
): void {
  const here = place(row);
  const [time, open, high, low, close, volume] = BAR_COLUMN_NAMES.map((name) => bars[name][row]);
  const previous = row === 0 ? -Infinity : bars.timeMs[row - 1];
  if (!(time >= 0)) faults.add(here, `the time ${isoTime(time)} is before 1970`, "Leave out the rows before 1970.");
  else if (time > LATEST_MS) faults.add(here, `the time ${isoTime(time)} is after the year 2200`);
  if (time === previous)
    faults.add(here, `the time ${isoTime(time)} stands on ${faults.nameOf(place(row - 1))} already`);
  else if (time < previous) {
    const message = `the time ${isoTime(time)} is before ${isoTime(previous)} on ${faults.nameOf(place(row - 1))}`;
    faults.add(here, message, SORT_CURE);
  }
  const prices = { open, high, low, close };
  for (const [name, price] of Object.entries(prices)) {
    if (!Number.isFinite(price)) faults.add(here, `${name} ${price} is not a finite number`);
    else if (price <= priceFloor) faults.add(here, `${name} ${price} is not above zero`, NON_POSITIVE_CURE);
  }
  if (high < low) faults.add(here, `high ${high} is below low ${low}`);
  else {
    if (open > high || open < low) faults.add(here, outside("open", open, low, high));
    if (close > high || close < low) faults.add(here, outside("close", close, low, high));
  }
  if (!(volume >= 0 && volume < Infinity)) faults.add(here, `volume ${volume} is not a finite number of at least 0`);
}

function outside(name: string, price: number, low: number, high: number): string {
  return price > high ? `${name} ${price} is above high ${high}` : `${name} ${price} is below low ${low}`;
}

/** ISO 8601 without needless milliseconds; the number itself when no date can hold it. */
function isoTime(ms: number): string {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString().replace(".000Z", "Z") : String(ms);
}

/** Sorts the columns in place, keeping the order of equal times; null when they were sorted. */
function sortByTime(bars: BarColumns): { rows: Uint32Array; moved: number } | null {
  const { timeMs } = bars;
  let isSorted = true;
  for (let row = 1; row < bars.rows && isSorted; row++) isSorted = timeMs[row] >= timeMs[row - 1];
  if (isSorted) return null;
  const rows = Uint32Array.from({ length: bars.rows }, (_, row) => row);
  rows.sort((a, b) => timeMs[a] - timeMs[b] || a - b);
  for (const name of BAR_COLUMN_NAMES) {
    const unsorted = Float64Array.from(bars[name]);
    for (let row = 0; row < bars.rows; row++) bars[name][row] = unsorted[rows[row]];
  }
  return { rows, moved: rows.reduce((moved, from, row) => moved + (from === row ? 0 : 1), 0) };
}
