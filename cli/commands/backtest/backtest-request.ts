/** Turns the words of a command line into a backtest's request. Pure, except that it may look in two places for datasets. */
import type { DataRequest } from "../../../protocol/operations/index.ts";
import { type PresetName, SETTINGS_PRESETS } from "./backtest-presets.ts";
import { conventionSettings } from "./convention-settings.ts";

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
  /** Answers by the names of conventions. */
  convention?: Readonly<Record<string, string>>;
  fillAt?: "next_open" | "close";
  /** False with `--no-finalize`. */
  finalize?: boolean;
}

/**
 * Returns only the settings that were given. The protocol's defaults fill the rest.
 *
 * @throws Problem as `conventionSettings`
 */
export function settingsOf(options: RequestOptions): Record<string, number | boolean | string> {
  const preset = options.preset === undefined ? {} : SETTINGS_PRESETS[options.preset];
  const given = {
    ...preset,
    ...conventionSettings(options.convention ?? {}),
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

/** The dataset that is meant, and a line for people when it was chosen for them. */
type DataChoice =
  | { readonly kind: "chosen"; readonly symbol: string; readonly timeframe: string; readonly note: string | null }
  | { readonly kind: "unclear"; readonly message: string; readonly cure: string };

const DEFAULT_TIMEFRAME = "1d";

/** Fills in a symbol or timeframe that was left out, where the known datasets leave one choice. */
export function chooseData(options: RequestOptions, known: readonly KnownDataset[]): DataChoice {
  const matching = known.filter(
    (data) =>
      (options.symbol === undefined || data.symbol === options.symbol) &&
      (options.timeframe === undefined || data.timeframe === options.timeframe),
  );
  if (options.symbol !== undefined && (options.timeframe !== undefined || matching.length === 0)) {
    return { kind: "chosen", symbol: options.symbol, timeframe: options.timeframe ?? DEFAULT_TIMEFRAME, note: null };
  }
  const [only, ...others] = matching;
  if (only !== undefined && others.length === 0) {
    const { symbol, timeframe } = only;
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
