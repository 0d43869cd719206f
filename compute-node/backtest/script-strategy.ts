/**
 * @file Strategies in TypeScript: `defineStrategy({ parameters, indicators, onBar })`.
 *
 * `onBar` is called at the close of each bar, from the first on which every indicator has a value. Its orders wait for
 * the next bar. Whatever it reads goes through a series, which ends at the present bar: asking beyond it throws.
 *
 * ```ts
 * export default defineStrategy({
 *   parameters: { fast: 20, slow: 50 },
 *   indicators: ({ fast, slow }) => ({ fast: ["sma", { period: fast }], slow: ["sma", { period: slow }] }),
 *   onBar({ indicators: { fast, slow }, position, buy, close }) {
 *     if (fast.now > slow.now && position.size === 0) buy({ stopLoss: { fraction: 0.05 } });
 *     if (fast.now <= slow.now && position.size > 0) close();
 *   },
 * });
 * ```
 */
import type { BacktestSettings } from "../../protocol/operations.ts";
import { Problem } from "../../protocol/problem.ts";
import {
  computeIndicator,
  faultsOfParameters,
  findIndicator,
  type IndicatorParameters,
  type PriceColumn,
} from "../indicators/index.ts";
import type { BarColumns } from "../market-data/bars.ts";
import { Broker, type BrokerOptions } from "./broker.ts";
import type { BarsDone, EngineResult } from "./engine.ts";
import type { Lot, Order, OrderRequest } from "./order.ts";

/** An indicator's name, its parameters, and which of its outputs; the first one by default. */
export type IndicatorChoice = readonly [name: string, parameters?: IndicatorParameters, output?: string];

export interface ScriptStrategy<
  Parameters extends Record<string, number> = Record<string, number>,
  Names extends string = string,
> {
  /** Every parameter with its default. */
  readonly parameters?: Parameters;
  readonly indicators?: (parameters: Parameters) => Record<Names, IndicatorChoice>;
  readonly options?: BrokerOptions;
  onBar(context: ScriptContext<Parameters, Names>): void;
}

/** A column up to the present bar; what lies behind is out of reach, also for plain JavaScript. */
export interface Series {
  /** At the present bar. */
  readonly now: number;
  /** `barsBack` bars before the present one; NaN before the first bar. Throws for a later bar. */
  at(barsBack: number): number;
  /** The last `count` values, oldest first; fewer at the beginning. A copy. */
  last(count: number): Float64Array;
}

export interface Position {
  /** Units; negative for a short, 0 while flat. */
  readonly size: number;
  /** Profit of what is held at the present close, before the commission of the exit, money. */
  readonly profit: number;
  /** The entries that are held, oldest first; copies. */
  readonly lots: readonly Readonly<Lot>[];
}

export interface ScriptContext<Parameters, Names extends string> {
  readonly parameters: Parameters;
  /** The present bar, counted from 0. */
  readonly bar: number;
  /** Start of the present bar, milliseconds since the epoch. */
  readonly timeMs: number;
  readonly prices: Readonly<Record<PriceColumn, Series>>;
  readonly indicators: Readonly<Record<Names, Series>>;
  /** At the present close, money. */
  readonly equity: number;
  readonly position: Position;
  /** Waiting orders, oldest first. */
  readonly orders: readonly Order[];
  readonly buy: (request?: OrderRequest) => Order;
  readonly sell: (request?: OrderRequest) => Order;
  /** Closes a part of the position, all of it by default. */
  readonly close: (portion?: number) => void;
  /** True when the order was still waiting. */
  readonly cancel: (order: Order) => boolean;
}

/** Types a strategy; it is the default export of its file. */
export function defineStrategy<Parameters extends Record<string, number>, Names extends string>(
  strategy: ScriptStrategy<Parameters, Names>,
): ScriptStrategy<Parameters, Names> {
  return strategy;
}

const PROGRESS_BARS = 65_536;

/**
 * Runs the strategy over the bars.
 *
 * @param overrides values of declared parameters
 * @throws Problem `invalid-strategy` for an unknown parameter, indicator or output, for an order without sense, and for
 *   a look beyond the present bar; what `onBar` itself throws is wrapped, with the bar
 */
export function runScript<Parameters extends Record<string, number>, Names extends string>(
  bars: BarColumns,
  strategy: ScriptStrategy<Parameters, Names>,
  settings: BacktestSettings,
  overrides: Readonly<Record<string, number>> = {},
  onProgress?: BarsDone,
): EngineResult & { readonly warmupBars: number } {
  const parameters = parametersOf(strategy, overrides);
  const broker = new Broker(bars, settings, strategy.options);
  const clock = new Clock();
  const { columns, warmupBars } = indicatorColumns(bars, strategy.indicators?.(parameters) ?? {});
  const context = new Context(parameters, bars, columns, broker, clock);
  const first = warmupBars + 1;
  if (first >= bars.rows) broker.warnings.neverDecided = 1;
  for (let bar = 0; bar < bars.rows && !broker.isRuined; bar++) {
    clock.bar = bar;
    if (bar < first) {
      broker.skip(bar);
      continue;
    }
    broker.process(bar);
    if (broker.isRuined) break;
    decide(strategy, context as unknown as ScriptContext<Parameters, Names>, bar);
    if (onProgress !== undefined && bar % PROGRESS_BARS === 0) onProgress(bar);
  }
  if (first < bars.rows) broker.finish();
  onProgress?.(bars.rows);
  const { trades, equity, cash, lots, log: orders } = broker;
  const [oldest] = lots;
  const openPosition =
    oldest === undefined ? null : { size: broker.size, entryBar: oldest.entryBar, entryPrice: oldest.entryPrice };
  const { refusals } = broker.warnings;
  return { trades, orders, equity, cash, openPosition, refusals, warnings: broker.warnings.list(settings), warmupBars };
}

function decide<P extends Record<string, number>, N extends string>(
  strategy: ScriptStrategy<P, N>,
  context: ScriptContext<P, N>,
  bar: number,
): void {
  try {
    strategy.onBar(context);
  } catch (cause) {
    if (cause instanceof Problem) throw cause;
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new Problem("invalid-strategy", `onBar failed at bar ${bar}: ${message}`, {
      cure: "Run the strategy on this bar in a debugger; the bar is counted from 0 within the range.",
      cause,
    });
  }
}

class Clock {
  bar = 0;
}

class ColumnSeries implements Series {
  readonly #values: Float64Array;
  readonly #clock: Clock;

  constructor(values: Float64Array, clock: Clock) {
    this.#values = values;
    this.#clock = clock;
  }

  get now(): number {
    return this.#values[this.#clock.bar];
  }

  at(barsBack: number): number {
    if (!(barsBack >= 0) || !Number.isInteger(barsBack)) throw beyond(barsBack);
    const index = this.#clock.bar - barsBack;
    return index < 0 ? Number.NaN : this.#values[index];
  }

  last(count: number): Float64Array {
    if (!(count >= 0) || !Number.isInteger(count)) throw beyond(count);
    const end = this.#clock.bar + 1;
    return this.#values.slice(Math.max(0, end - count), end);
  }
}

function beyond(barsBack: number): Problem {
  return new Problem("invalid-strategy", `${barsBack} bars back is not a bar up to the present one.`, {
    cure: "Ask for a whole number from 0 (the present bar) on; later bars cannot be seen.",
  });
}

/** One for a run; its functions keep working when they are taken out of it. */
class Context implements ScriptContext<Record<string, number>, string> {
  readonly parameters: Record<string, number>;
  readonly prices: Readonly<Record<PriceColumn, Series>>;
  readonly indicators: Readonly<Record<string, Series>>;
  readonly position: Position;
  readonly buy: (request?: OrderRequest) => Order;
  readonly sell: (request?: OrderRequest) => Order;
  readonly close: (portion?: number) => void;
  readonly cancel: (order: Order) => boolean;
  readonly #bars: BarColumns;
  readonly #broker: Broker;
  readonly #clock: Clock;

  constructor(
    parameters: Record<string, number>,
    bars: BarColumns,
    columns: Readonly<Record<string, Float64Array>>,
    broker: Broker,
    clock: Clock,
  ) {
    const series = (values: Float64Array) => new ColumnSeries(values, clock);
    this.parameters = parameters;
    this.#bars = bars;
    this.#broker = broker;
    this.#clock = clock;
    this.prices = {
      open: series(bars.open),
      high: series(bars.high),
      low: series(bars.low),
      close: series(bars.close),
      volume: series(bars.volume),
    };
    this.indicators = Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, series(column)]));
    this.position = new HeldPosition(broker, bars.close, clock);
    this.buy = (request = {}) => broker.place(1, request);
    this.sell = (request = {}) => broker.place(-1, request);
    this.close = (portion) => broker.close(portion);
    this.cancel = (order) => broker.cancel(order);
  }

  get bar(): number {
    return this.#clock.bar;
  }

  get timeMs(): number {
    return this.#bars.timeMs[this.#clock.bar];
  }

  get equity(): number {
    return this.#broker.equity[this.#clock.bar];
  }

  get orders(): readonly Order[] {
    return [...this.#broker.orders];
  }
}

class HeldPosition implements Position {
  readonly #broker: Broker;
  readonly #closes: Float64Array;
  readonly #clock: Clock;

  constructor(broker: Broker, closes: Float64Array, clock: Clock) {
    this.#broker = broker;
    this.#closes = closes;
    this.#clock = clock;
  }

  get size(): number {
    return this.#broker.size;
  }

  get profit(): number {
    return this.#broker.valueAt(this.#closes[this.#clock.bar]) - this.#broker.cash;
  }

  get lots(): readonly Readonly<Lot>[] {
    return this.#broker.lots.map((lot) => ({ ...lot }));
  }
}

function parametersOf<P extends Record<string, number>, N extends string>(
  strategy: ScriptStrategy<P, N>,
  overrides: Readonly<Record<string, number>>,
): P {
  const declared: Record<string, number> = { ...strategy.parameters };
  const unknown = Object.keys(overrides).find((name) => !Object.hasOwn(declared, name));
  if (unknown !== undefined) {
    throw new Problem("invalid-strategy", `The strategy has no parameter "${unknown}".`, {
      cure: `Its parameters are ${Object.keys(declared).join(", ") || "none"}.`,
    });
  }
  return Object.freeze({ ...declared, ...overrides }) as P;
}

function indicatorColumns(bars: BarColumns, choices: Readonly<Record<string, IndicatorChoice>>) {
  const columns: Record<string, Float64Array> = {};
  let warmupBars = 0;
  for (const [key, [name, given = {}, output]] of Object.entries(choices)) {
    const declaration = findIndicator(name);
    if (declaration === undefined) {
      throw new Problem("invalid-strategy", `Indicator "${key}" has the unknown type "${name}".`, {
        cure: "`ktrdr strategy validate` and docs/reference/indicators.md list the types.",
      });
    }
    const defaults = Object.fromEntries(declaration.parameters.map((parameter) => [parameter.name, parameter.default]));
    const unknown = Object.keys(given).find((parameter) => !Object.hasOwn(defaults, parameter));
    const values = { ...defaults, ...given };
    const [fault] = faultsOfParameters(declaration, values);
    if (unknown !== undefined || fault !== undefined) {
      throw new Problem("invalid-strategy", fault?.message ?? `${name} has no parameter "${unknown}".`, {
        cure: fault?.cure ?? `Its parameters are ${Object.keys(defaults).join(", ")}.`,
      });
    }
    const index = output === undefined ? 0 : declaration.outputs.findIndex((candidate) => candidate.name === output);
    if (index < 0) {
      throw new Problem("invalid-strategy", `${name} has no output "${output}".`, {
        cure: `Its outputs are ${declaration.outputs.map((candidate) => candidate.name).join(", ")}.`,
      });
    }
    const outputs = declaration.outputs.map(() => new Float64Array(bars.rows));
    const inputs = declaration.inputs.map((input) => bars[input]);
    computeIndicator(declaration, inputs, values, outputs);
    columns[key] = outputs[index];
    warmupBars = Math.max(warmupBars, declaration.outputs[index].firstIndex(values));
  }
  return { columns, warmupBars };
}
