/**
 * @file The part of ktrdr that a strategy in TypeScript sees: `import { defineStrategy } from "ktrdr/strategy"`. It imports
 * only types, so that a compiler checks a strategy against this file and nothing behind it.
 *
 * Strategies in TypeScript: `defineStrategy({ parameters, indicators, onBar })`.
 *
 * `onBar` is called at the close of each bar, from the first on which every indicator has a value. Its orders wait for
 * the next bar. Whatever it reads goes through a series, which ends at the present bar: asking beyond it throws.
 *
 * ```ts
 * import { defineStrategy } from "ktrdr/strategy";
 *
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
import type { Lot, Order, OrderRequest } from "../engine/order.ts";

export type { Lot, Order, OrderKind, OrderRequest } from "../engine/order.ts";

/** A parameter's default, alone or with the range that researchers may vary it in. */
export type ParameterDeclaration =
  | number
  | {
      readonly default: number;
      readonly min?: number;
      readonly max?: number;
      readonly step?: number;
      readonly description?: string;
    };

/**
 * An indicator's type, its parameters, and which of its outputs; the first one by default. Among the parameters, `source`
 * names its input instead of the close: another price, or an indicator before it, such as `"macd.signal"`.
 */
export type IndicatorChoice = readonly [
  type: string,
  parameters?: Readonly<Record<string, number | string>>,
  output?: string,
];

export type ParameterDeclarations = Readonly<Record<string, ParameterDeclaration>>;

/** The values in force. */
export type ParameterValues<Parameters> = { readonly [Name in keyof Parameters]: number };

export interface ScriptOptions {
  /** An order against the position closes it; with this it also opens the other side. True by default. */
  readonly reversal?: boolean;
  /** The most entries held at once on one side; no limit by default. */
  readonly pyramiding?: number;
}

export interface ScriptStrategy<Parameters = ParameterDeclarations, Names extends string = string, State = unknown> {
  /** The name in lists; the file's name by default. */
  readonly name?: string;
  readonly description?: string;
  readonly parameters?: Parameters;
  readonly indicators?: (parameters: ParameterValues<Parameters>) => Record<Names, IndicatorChoice>;
  readonly options?: ScriptOptions;
  /**
   * Makes `context.state`, which the strategy keeps from bar to bar. Plain data, so that a checkpoint keeps
   * it: numbers, texts, arrays, objects, maps. Values kept elsewhere are lost where a run goes on.
   */
  readonly state?: (parameters: ParameterValues<Parameters>) => State;
  /** Called at the close of each bar on which every indicator has a value. */
  onBar(context: ScriptContext<Parameters, Names, State>): unknown;
}

/** A strategy whose names are not known before it runs. */
export type AnyScript = ScriptStrategy<ParameterDeclarations, string>;

/** A column up to the present bar; later bars are out of reach, also for plain JavaScript. */
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
  /** Profit of the position at the present close, before the commission of the exit, money. */
  readonly profit: number;
  /** The entries that are held, oldest first; copies. */
  readonly lots: readonly Readonly<Lot>[];
}

export interface ClosedTrade {
  /** Units; negative for a short. */
  readonly size: number;
  readonly entryBar: number;
  readonly exitBar: number;
  readonly entryPrice: number;
  readonly exitPrice: number;
  /** Net of commission, money. */
  readonly profit: number;
  /** Such as `signal`, `stop_loss`, `take_profit`. */
  readonly exitReason: string;
}

export interface ScriptContext<Parameters = ParameterDeclarations, Names extends string = string, State = unknown> {
  readonly parameters: ParameterValues<Parameters>;
  /** Made by the strategy's own `state`; undefined without one. */
  readonly state: State;
  /** The present bar, counted from 0. */
  readonly bar: number;
  /** Start of the present bar, milliseconds since the epoch. */
  readonly timeMs: number;
  readonly prices: Readonly<Record<"open" | "high" | "low" | "close" | "volume", Series>>;
  readonly indicators: Readonly<Record<Names, Series>>;
  /** At the present close, money. */
  readonly equity: number;
  readonly position: Position;
  /** Waiting orders, oldest first. */
  readonly orders: readonly Order[];
  /** Closed trades, in the order of closing; copies. */
  readonly history: readonly ClosedTrade[];
  /** Without a price a market order, of all free equity unless `units` or `size` says otherwise. */
  readonly buy: (request?: OrderRequest) => Order;
  readonly sell: (request?: OrderRequest) => Order;
  /** Closes a part of the position, all of it by default. */
  readonly close: (portion?: number) => void;
  /** True when the order was still waiting. */
  readonly cancel: (order: Order) => boolean;
}

/** Types a strategy; it is the default export of its file. */
export function defineStrategy<const Parameters extends ParameterDeclarations, Names extends string, State = undefined>(
  strategy: ScriptStrategy<Parameters, Names, State>,
): ScriptStrategy<Parameters, Names, State> {
  return strategy;
}
