/** From the words of a command line to what a backtest asks for. Pure but for the two places where it may look. */
import { InvalidArgumentError } from "commander";
import type { DataRequest } from "../../../protocol/operations.ts";
import { type PresetName, SETTINGS_PRESETS } from "./backtest-presets.ts";

/** The parsed options of `ktrdr backtest` that shape the specification. */
export interface RequestOptions {
  symbol?: string;
  timeframe?: string;
  from?: number;
  to?: number;
  set?: Readonly<Record<string, number>>;
  capital?: number;
  commission?: number;
  commissionFixed?: number;
  commissionPerUnit?: number;
  commissionMinimum?: number;
  makerCommission?: number;
  spread?: number;
  slippage?: number;
  margin?: number;
  maintenanceMargin?: number;
  shortBorrow?: number;
  financing?: number;
  tick?: number;
  fractional?: boolean;
  lot?: number;
  preset?: PresetName;
  fillAt?: "next_open" | "close";
  /** False with `--no-finalize`. */
  finalize?: boolean;
}

const DAY_MS = 86_400_000;

/** `0.001` or `0.1%` → 0.001. */
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
  const [, name, value] = /^([^=]+)=([^=]+)$/.exec(text.trim()) ?? [];
  if (name === undefined) throw new InvalidArgumentError("It is two names, such as SAP=EUR.");
  return { ...before, [name]: value };
}

/** The settings that were given; the protocol's defaults stand for the rest. */
export function settingsOf(options: RequestOptions): Record<string, number | boolean | string> {
  const preset = options.preset === undefined ? {} : SETTINGS_PRESETS[options.preset];
  const given = {
    ...preset,
    ...withoutUndefined({
      initialCapital: options.capital,
      commissionRate: options.commission,
      commissionFixed: options.commissionFixed,
      commissionPerUnit: options.commissionPerUnit,
      commissionMinimum: options.commissionMinimum,
      makerCommissionRate: options.makerCommission,
      spreadRate: options.spread,
      slippageRate: options.slippage,
      margin: options.margin,
      maintenanceMargin: options.maintenanceMargin,
      shortBorrowRate: options.shortBorrow,
      financingRate: options.financing,
      tickSize: options.tick,
      fractionalUnits: options.fractional,
      lotSize: options.lot,
      fillAt: options.fillAt,
      finalizeTrades: options.finalize === false ? false : undefined,
    }),
  };
  return given;
}

function withoutUndefined<Value>(values: Readonly<Record<string, Value | undefined>>): Record<string, Value> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  );
}

export interface KnownDataset {
  readonly symbol: string;
  readonly timeframe: string;
}

/** Which of the known datasets is meant, and a line for people when it was not said outright. */
export type DataChoice =
  | { readonly kind: "chosen"; readonly symbol: string; readonly timeframe: string; readonly note: string | null }
  | { readonly kind: "unclear"; readonly message: string; readonly cure: string };

const DEFAULT_TIMEFRAME = "1d";

/** A symbol or timeframe that was left out is taken from what is known, where that leaves one choice. */
export function chooseData(options: RequestOptions, known: readonly KnownDataset[]): DataChoice {
  const matching = known.filter(
    (data) =>
      (options.symbol === undefined || data.symbol === options.symbol) &&
      (options.timeframe === undefined || data.timeframe === options.timeframe),
  );
  if (options.symbol !== undefined && (options.timeframe !== undefined || matching.length === 0)) {
    return { kind: "chosen", symbol: options.symbol, timeframe: options.timeframe ?? DEFAULT_TIMEFRAME, note: null };
  }
  if (matching.length === 1) {
    const [{ symbol, timeframe }] = matching;
    const isObvious = options.symbol !== undefined && timeframe === DEFAULT_TIMEFRAME;
    const note = isObvious ? null : `Using ${symbol} ${timeframe}, the only dataset that fits.`;
    return { kind: "chosen", symbol, timeframe, note };
  }
  if (options.symbol !== undefined) {
    const choices = matching.map((data) => data.timeframe).join(", ");
    return {
      kind: "unclear",
      message: `Which timeframe of ${options.symbol}?`,
      cure: `Pass --timeframe with one of ${choices}.`,
    };
  }
  const choices = matching.map((data) => `${data.symbol} ${data.timeframe}`);
  return {
    kind: "unclear",
    message: "Which prices?",
    cure:
      choices.length === 0
        ? "Load some with: ktrdr data load --sample SP500. Then pass --symbol SP500."
        : `Pass --symbol (and --timeframe): ${choices.slice(0, 10).join(", ")}${choices.length > 10 ? " …" : ""}.`,
  };
}

export function dataRequestOf(
  options: Pick<RequestOptions, "from" | "to">,
  symbol: string,
  timeframe: string,
): DataRequest {
  return {
    symbol,
    timeframe,
    ...(options.from === undefined ? {} : { startMs: options.from }),
    ...(options.to === undefined ? {} : { endMs: options.to }),
  };
}
