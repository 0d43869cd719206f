/**
 * @file Splits and dividends: from a CSV file, onto bars.
 *
 * Two kinds of file are read. The plain one has a row an action, `date,action,value`, with a `symbol` column where it holds
 * several: `2020-08-31,split,4` (four units for one) and `2020-08-07,dividend,0.82` (money for a unit), the date being the
 * first day without the right to it. The other one is a factor file of QuantConnect's Lean, `date,price_factor,split_factor,
 * reference_close` in rows by the last day on which factors apply; an action lies between two rows.
 */
import { DAY_MS } from "../../protocol/durations.ts";
import type { CorporateAction } from "../../protocol/portfolio.ts";
import { corporateAction } from "../../protocol/portfolio.ts";
import { Problem } from "../../protocol/problem.ts";
import type { BarColumns } from "../market-data/bars.ts";
import type { BarAction } from "./portfolio-model.ts";

const FACTOR_COLUMNS = ["price_factor", "split_factor", "reference_close"] as const;

/**
 * The actions of a file, in its order. `symbol` names their symbol where the file does not.
 * @throws Problem `invalid-data` with file and line
 */
export function parseCorporateActions(text: string, file: string, symbol: string | null): CorporateAction[] {
  const lines = text.split(/\r?\n/).map((line) => line.split(",").map((cell) => cell.trim()));
  const header = lines[0].map((name) => name.toLowerCase());
  const rows = lines
    .map((cells, index) => ({ cells, line: index + 1 }))
    .slice(1)
    .filter(({ cells }) => cells.some((cell) => cell !== ""));
  const reader = new Rows(file, header, symbol);
  if (FACTOR_COLUMNS.every((name) => header.includes(name))) return reader.factors(rows);
  if (["date", "action", "value"].every((name) => header.includes(name))) return rows.map((row) => reader.action(row));
  throw new Problem("invalid-data", `${file} has the columns ${header.join(", ")}, which are no corporate actions.`, {
    cure: "Give the columns date, action, value (and symbol), or a factor file with price_factor and split_factor.",
  });
}

interface Row {
  readonly cells: readonly string[];
  readonly line: number;
}

class Rows {
  private readonly file: string;
  private readonly header: readonly string[];
  private readonly symbol: string | null;

  constructor(file: string, header: readonly string[], symbol: string | null) {
    this.file = file;
    this.header = header;
    this.symbol = symbol;
  }

  action(row: Row): CorporateAction {
    const action = this.cell(row, "action").toLowerCase();
    const value = this.number(row, "value");
    const amount = action === "split" ? { ratio: value } : { amount: value };
    const parsed = corporateAction.safeParse({
      symbol: this.symbolOf(row),
      exMs: this.date(row, "date"),
      action,
      ...amount,
    });
    if (parsed.success) return parsed.data;
    throw this.fault(
      row,
      `"${row.cells.join(",")}" is no corporate action`,
      "Write a split or a dividend with a positive value.",
    );
  }

  factors(rows: readonly Row[]): CorporateAction[] {
    return rows.slice(1).flatMap((row, index) => this.between(rows[index], row));
  }

  /** The changes after the last day of `before`: a dividend is its close less the part that the factors leave. */
  private between(before: Row, after: Row): CorporateAction[] {
    const dated = this.header[0];
    const [symbol, exMs] = [this.symbolOf(before), this.date(before, dated) + DAY_MS];
    const change = (name: (typeof FACTOR_COLUMNS)[number]) => this.number(after, name) / this.number(before, name);
    const ratio = wholeRatio(change("split_factor"));
    const growth = change("price_factor");
    const amount = (this.number(before, "reference_close") * (1 - 1 / growth)) / ratio;
    if (!(ratio > 0) || !(growth >= 1))
      throw this.fault(after, `factors change by ${ratio} and ${growth}`, "Give factors above 0 that grow towards 1.");
    const split: CorporateAction[] = ratio === 1 ? [] : [{ symbol, exMs, action: "split", ratio }];
    return growth === 1 ? split : [...split, { symbol, exMs, action: "dividend", amount }];
  }

  private symbolOf(row: Row): string {
    const written = this.header.includes("symbol") ? this.cell(row, "symbol") : this.symbol;
    if (written !== null) return written;
    throw this.fault(
      row,
      "it does not say whose action this is",
      "Add a symbol column, or give a file for one symbol.",
    );
  }

  private cell({ cells }: Row, name: string): string {
    return cells[this.header.indexOf(name)] ?? "";
  }

  private number(row: Row, name: string): number {
    const text = this.cell(row, name);
    const value = Number(text);
    if (text !== "" && Number.isFinite(value)) return value;
    throw this.fault(row, `${name} is "${text}"`, "Give a number.");
  }

  private date(row: Row, name: string): number {
    const text = this.cell(row, name);
    const value = /^\d{4}-\d{2}-\d{2}(T[\d:.]+Z)?$/.test(text) ? Date.parse(text) : Number.NaN;
    if (value >= 0) return value;
    throw this.fault(row, `${name} is "${text}"`, "Give a day from 1970 on, such as 2020-08-31.");
  }

  private fault({ line }: Row, message: string, cure: string): Problem {
    const issues = [{ message: `${message}. ${cure}`, file: this.file, line }];
    return new Problem("invalid-data", `${this.file}:${line}: ${message}.`, { cure, issues });
  }
}

/** Factors are rounded to some seven digits: the nearest ratio of small whole numbers within a thousandth is meant. */
function wholeRatio(ratio: number): number {
  for (let divisor = 1; divisor <= 20; divisor++) {
    const whole = Math.round(ratio * divisor);
    if (whole > 0 && Math.abs(whole / divisor / ratio - 1) < 1e-3) return whole / divisor;
  }
  const inverse = Math.round(1 / ratio);
  return Math.abs(inverse * ratio - 1) < 1e-3 ? 1 / inverse : ratio;
}

interface PlacedActions {
  /** By bar, one a bar: several of one bar are brought together. */
  readonly actions: readonly BarAction[];
  /** Before the first bar opened or after the last one: without effect. */
  readonly outside: number;
}

/**
 * Each action at the first bar at or after its moment. Every split of a bar comes before its dividends.
 * @throws Problem `invalid-data` for a dividend that is not below the close before it
 */
export function placeActions(actions: readonly CorporateAction[], bars: BarColumns): PlacedActions {
  const byBar = new Map<number, { bar: number; split: number; dividend: number }>();
  let outside = 0;
  for (const action of actions) {
    const bar = bars.timeMs.findIndex((time) => time >= action.exMs);
    if (bar <= 0) {
      outside++;
      continue;
    }
    const placed = byBar.get(bar) ?? { bar, split: 1, dividend: 0 };
    if (action.action === "split") placed.split *= action.ratio;
    else placed.dividend += action.amount;
    byBar.set(bar, placed);
  }
  for (const { bar, split, dividend } of byBar.values()) {
    const close = bars.close[bar - 1] / split;
    if (dividend > 0 && dividend >= close) throw tooHigh(actions[0].symbol, bars.timeMs[bar], dividend, close);
  }
  return { actions: [...byBar.values()].sort((a, b) => a.bar - b.bar), outside };
}

function tooHigh(symbol: string, timeMs: number, dividend: number, close: number): Problem {
  const day = new Date(timeMs).toISOString().slice(0, 10);
  return new Problem("invalid-data", `${symbol} pays ${dividend} on ${day}, and its last price before is ${close}.`, {
    cure: "Give dividends for one unit after a split of the same day, and prices as they were traded.",
  });
}
