/** Runs strategies in TypeScript (`script-api.ts` says what they are) on the event engine. */
import { EXIT_REASONS } from "../../protocol/backtest-result.ts";
import type { BacktestSettings } from "../../protocol/operations.ts";
import { Problem } from "../../protocol/problem.ts";
import { type StrategyParameter, strategyParameter } from "../../protocol/strategy-rules.ts";
import {
  computeIndicator,
  faultsOfParameters,
  findIndicator,
  type IndicatorDeclaration,
  type IndicatorParameters,
  type PriceColumn,
} from "../indicators/index.ts";
import type { BarColumns } from "../market-data/bars.ts";
import { suggestion } from "../strategy/closest-name.ts";
import { Broker } from "./broker.ts";
import type { BarsDone } from "./engine.ts";
import type { Lot, Order, OrderRequest } from "./order.ts";
import type { FinishedRun } from "./run-details.ts";
import type {
  AnyScript,
  ClosedTrade,
  IndicatorChoice,
  ParameterDeclarations,
  Position,
  ScriptContext,
  ScriptStrategy,
  Series,
} from "./script-api.ts";

const PROGRESS_BARS = 65_536;

/**
 * Runs the strategy over the bars.
 *
 * @param overrides values of declared parameters
 * @throws Problem `invalid-strategy` for an unknown parameter, indicator or output, for an order without sense, and for
 *   a look beyond the present bar; what `onBar` itself throws is wrapped, with the bar
 */
export function runScript<Parameters extends ParameterDeclarations, Names extends string>(
  bars: BarColumns,
  given: ScriptStrategy<Parameters, Names>,
  settings: BacktestSettings,
  overrides: Readonly<Record<string, number>> = {},
  onProgress?: BarsDone,
): FinishedRun {
  const strategy = given as unknown as AnyScript;
  const parameters = parametersOf(strategy, overrides);
  const broker = new Broker(bars, settings, strategy.options);
  const clock = new Clock();
  const { columns, warmupBars } = indicatorColumns(bars, indicatorsOf(strategy, parameters));
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
    decide(strategy, context, bar);
    if (onProgress !== undefined && bar % PROGRESS_BARS === 0) onProgress(bar);
  }
  if (first < bars.rows) broker.finish();
  onProgress?.(bars.rows);
  const { trades, equity, cash, lots, log: orders } = broker;
  const [oldest] = lots;
  const openPosition =
    oldest === undefined ? null : { size: broker.size, entryBar: oldest.entryBar, entryPrice: oldest.entryPrice };
  const openLots = lots.map(({ size, entryBar, entryPrice }) => ({ size, entryBar, entryPrice }));
  const { refusals } = broker.warnings;
  const warnings = broker.warnings.list(settings);
  return { trades, orders, equity, cash, openPosition, openLots, refusals, warnings, warmupBars, signals: null };
}

function decide(strategy: AnyScript, context: ScriptContext, bar: number): void {
  let answer: unknown;
  try {
    answer = strategy.onBar(context);
  } catch (cause) {
    throw failedAt(context, cause);
  }
  if (answer !== undefined && isPromise(answer)) {
    throw new Problem("invalid-strategy", `onBar at bar ${bar} answers with a promise, which no run waits for.`, {
      cure: "Take `async` away: everything that a strategy sees is there at once.",
    });
  }
}

/** With the bar, also where the engine refused what the script asked for. The cause is what was thrown. */
function failedAt({ bar, timeMs }: ScriptContext, cause: unknown): Problem {
  const message = typeof cause === "object" && cause !== null && "message" in cause ? cause.message : cause;
  const time = new Date(timeMs).toISOString().replace(/(T00:00:00)?\.000Z$/, "");
  return new Problem("invalid-strategy", `onBar failed at bar ${bar} (${time}): ${String(message)}`, {
    cure: (cause instanceof Problem ? cause.cure : undefined) ?? "Correct the strategy; bars are counted from 0.",
    cause,
  });
}

function isPromise(value: unknown): boolean {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
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
class Context implements ScriptContext {
  readonly parameters: Readonly<Record<string, number>>;
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
    parameters: Readonly<Record<string, number>>,
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

  get history(): readonly ClosedTrade[] {
    const { trades } = this.#broker;
    return Array.from({ length: trades.count }, (_, row) => ({
      size: trades.size[row],
      entryBar: trades.entryBar[row],
      exitBar: trades.exitBar[row],
      entryPrice: trades.entryPrice[row],
      exitPrice: trades.exitPrice[row],
      profit: trades.pnl[row],
      exitReason: EXIT_REASONS[trades.exitReason[row]],
    }));
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

/**
 * Every parameter with the value in force.
 *
 * @throws Problem `invalid-strategy` for a parameter that is not declared, that is no number, or outside its range
 */
export function parametersOf(
  strategy: Pick<AnyScript, "parameters">,
  overrides: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  const declared = strategy.parameters ?? {};
  const unknown = Object.keys(overrides).find((name) => !Object.hasOwn(declared, name));
  if (unknown !== undefined) {
    throw new Problem("invalid-strategy", `The strategy has no parameter "${unknown}".`, {
      cure: suggestion(unknown, Object.keys(declared), "parameters"),
    });
  }
  const values = Object.entries(declared).map(([name, declaration]): [string, number] => {
    const parsed = strategyParameter.safeParse(declaration);
    if (!parsed.success) {
      throw new Problem("invalid-strategy", `Parameter ${name} is declared as no number.`, {
        cure: "Give its default, or { default, min, max, step, description }.",
      });
    }
    const value = Object.hasOwn(overrides, name) ? overrides[name] : defaultOf(parsed.data);
    checkRange(name, parsed.data, value);
    return [name, value];
  });
  return Object.freeze(Object.fromEntries(values));
}

function defaultOf(parameter: StrategyParameter): number {
  return typeof parameter === "number" ? parameter : parameter.default;
}

function checkRange(name: string, declared: StrategyParameter, value: number): void {
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } =
    typeof declared === "number" ? {} : declared;
  if (Number.isFinite(value) && value >= min && value <= max) return;
  throw new Problem("invalid-strategy", `Parameter ${name} is ${value}, outside its range.`, {
    cure: `Give a number from ${min} to ${max}.`,
  });
}

interface ChosenIndicator {
  readonly key: string;
  readonly declaration: IndicatorDeclaration;
  readonly values: IndicatorParameters;
  /** Which of the declaration's outputs. */
  readonly output: number;
}

/**
 * The indicators that a strategy asks for.
 *
 * @throws Problem `invalid-strategy` for an unknown type, parameter or output, and for a parameter out of its range
 */
export function indicatorsOf(
  strategy: Pick<AnyScript, "indicators">,
  parameters: Readonly<Record<string, number>>,
): ChosenIndicator[] {
  return Object.entries(strategy.indicators?.(parameters) ?? {}).map(([key, choice]) => chosen(key, choice));
}

function chosen(key: string, [name, given = {}, output]: IndicatorChoice): ChosenIndicator {
  const declaration = findIndicator(name);
  if (declaration === undefined) {
    throw new Problem("invalid-strategy", `Indicator "${key}" has the unknown type "${name}".`, {
      cure: "docs/reference/indicators.md lists the types.",
    });
  }
  const defaults = Object.fromEntries(declaration.parameters.map((parameter) => [parameter.name, parameter.default]));
  const unknown = Object.keys(given).find((parameter) => !Object.hasOwn(defaults, parameter));
  if (unknown !== undefined) {
    throw new Problem("invalid-strategy", `${name} has no parameter "${unknown}".`, {
      cure: suggestion(unknown, Object.keys(defaults), "parameters"),
    });
  }
  const values = { ...defaults, ...given };
  const [fault] = faultsOfParameters(declaration, values);
  if (fault !== undefined) throw new Problem("invalid-strategy", fault.message, { cure: fault.cure });
  const names = declaration.outputs.map((candidate) => candidate.name);
  const index = output === undefined ? 0 : names.indexOf(output);
  if (index < 0) {
    throw new Problem("invalid-strategy", `${name} has no output "${output}".`, {
      cure: suggestion(String(output), names, "outputs"),
    });
  }
  return { key, declaration, values, output: index };
}

/** Each of them over the bars, by its name in the strategy; decisions begin after `warmupBars`. */
export function indicatorColumns(bars: BarColumns, indicators: readonly ChosenIndicator[]) {
  const columns: Record<string, Float64Array> = {};
  let warmupBars = 0;
  for (const { key, declaration, values, output } of indicators) {
    const outputs = declaration.outputs.map(() => new Float64Array(bars.rows));
    const inputs = declaration.inputs.map((input) => bars[input]);
    computeIndicator(declaration, inputs, values, outputs);
    columns[key] = outputs[output];
    warmupBars = Math.max(warmupBars, declaration.outputs[output].firstIndex(values));
  }
  return { columns, warmupBars };
}
