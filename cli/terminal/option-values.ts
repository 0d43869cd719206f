/** Parses the values of options that several commands have. Faulty text throws Commander's error, which says how to write it. */

import { InvalidArgumentError } from "commander";
import { DAY_MS } from "../../protocol/durations.ts";

/** Reads `0.001` or `0.1%` → 0.001. */
export function parseFraction(text: string): number {
  const [, digits, percent] = /^(-?[0-9.]+(?:e-?\d+)?)(%)?$/i.exec(text.trim()) ?? [];
  const value = Number(digits);
  if (digits === undefined || !Number.isFinite(value)) {
    throw new InvalidArgumentError("It is a fraction such as 0.001, or a percentage such as 0.1%.");
  }
  return percent === undefined ? value : value / 100;
}

export function parseAmount(text: string): number {
  const value = Number(text.replaceAll("_", ""));
  if (text.trim() === "" || !Number.isFinite(value)) throw new InvalidArgumentError("It is a number, such as 10000.");
  return value;
}

/** `2020`, `2020-03`, `2020-03-01` or a full ISO time in UTC → milliseconds of its start. */
export function parseStart(text: string): number {
  return moment(text).startMs;
}

/** The same texts → milliseconds of the last instant that they name: `2020-03` is inclusive to the end of March. */
export function parseEnd(text: string): number {
  return moment(text).endMs;
}

function moment(text: string): { startMs: number; endMs: number } {
  const [, year, month, day] = /^(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?$/.exec(text) ?? [];
  if (year === undefined) {
    const exact = /^\d{4}-\d{2}-\d{2}T[\d:.]+(Z|[+-]\d{2}:\d{2})$/.test(text) ? Date.parse(text) : Number.NaN;
    if (Number.isFinite(exact) && exact >= 0) return { startMs: exact, endMs: exact };
    throw new InvalidArgumentError(
      "It is a day such as 2020-03-01, a month, a year, or a time such as 2020-03-01T15:30:00Z.",
    );
  }
  const startMs = Date.parse(`${year}-${month ?? "01"}-${day ?? "01"}T00:00:00Z`);
  const start = new Date(startMs);
  const isReal = Number.isFinite(startMs) && startMs >= 0 && (day === undefined || start.getUTCDate() === Number(day));
  if (!isReal) throw new InvalidArgumentError("There is no such day from 1970 on.");
  if (day !== undefined) return { startMs, endMs: startMs + DAY_MS - 1 };
  const next = month === undefined ? Date.UTC(Number(year) + 1, 0) : Date.UTC(Number(year), Number(month));
  return { startMs, endMs: next - 1 };
}

/** Collects `--set name=value`; the last of a name counts. */
export function parseOverride(text: string, before: Readonly<Record<string, number>> = {}): Record<string, number> {
  const [, name, digits] = /^([a-z_][a-z0-9_]*)=(.+)$/.exec(text) ?? [];
  const value = Number(digits);
  if (name === undefined || digits?.trim() === "" || !Number.isFinite(value)) {
    throw new InvalidArgumentError("It is a parameter's name and a number, such as fast_period=20.");
  }
  return { ...before, [name]: value };
}

/** `AAPL,MSFT` → the symbols. */
export function parseSymbols(text: string): string[] {
  const symbols = text.split(",").map((symbol) => symbol.trim());
  if (symbols.includes("")) throw new InvalidArgumentError("It is a list with commas, such as AAPL,MSFT.");
  return symbols;
}

/** Collects `SAP=EUR`; the last of a name counts. */
export function parsePair(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const [name, value] = pairOf(text, "It is two names, such as SAP=EUR.");
  return { ...before, [name]: value };
}

/** Collects `lastBar=replay`. */
export function parseConvention(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const cure = "It is a name and an answer, such as lastBar=replay; docs/reference/conventions.md lists them.";
  const [name, answer] = pairOf(text, cure);
  if (Object.hasOwn(before, name)) throw new InvalidArgumentError(`The answer to ${name} is given twice.`);
  return { ...before, [name]: answer };
}

function pairOf(text: string, cure: string): [name: string, value: string] {
  const [, name, value] = /^([^=]+)=([^=]+)$/.exec(text.trim()) ?? [];
  if (name === undefined || value === undefined) throw new InvalidArgumentError(cure);
  return [name, value];
}

/** Collects every text of an option that may be repeated. */
export function collectTexts(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}
