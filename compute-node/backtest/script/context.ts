/** The context of a running script: one object for a run, which follows the run's clock. */
import { EXIT_REASONS } from "../../../protocol/backtest-result.ts";
import { Problem } from "../../../protocol/problem.ts";
import type { PriceColumn } from "../../indicators/index.ts";
import type { BarColumns } from "../../market-data/bars.ts";
import type { Broker } from "../engine/broker.ts";
import type { Lot, Order, OrderRequest } from "../engine/order.ts";
import { WHOLE_MARKET_ORDER } from "../engine/order-checks.ts";
import type { TradeLog } from "../engine/trade-log.ts";
import type { ClosedTrade, Position, ScriptContext, Series } from "./api.ts";

/** The present bar. No script reaches it: one that could set it would see the future. */
export class Clock {
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

/** Its functions keep working when they are taken out of it. */
export class RunContext implements ScriptContext {
  /** The strategy's own; a run that goes on elsewhere takes it along. */
  state: unknown;
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
  readonly #history: ClosedTrade[] = [];

  constructor(
    parameters: Readonly<Record<string, number>>,
    state: unknown,
    bars: BarColumns,
    columns: Readonly<Record<string, Float64Array>>,
    broker: Broker,
    clock: Clock,
  ) {
    const series = (values: Float64Array) => new ColumnSeries(values, clock);
    this.parameters = parameters;
    this.state = state;
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
    this.buy = (request = WHOLE_MARKET_ORDER) => broker.place(1, request);
    this.sell = (request = WHOLE_MARKET_ORDER) => broker.place(-1, request);
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

  /** The same list each time, longer by the trades closed since: a strategy may ask for it on every bar. */
  get history(): readonly ClosedTrade[] {
    const { trades } = this.#broker;
    for (let row = this.#history.length; row < trades.count; row++) this.#history.push(closedTrade(trades, row));
    return this.#history;
  }
}

function closedTrade(trades: TradeLog, row: number): ClosedTrade {
  return Object.freeze({
    size: trades.size[row],
    entryBar: trades.entryBar[row],
    exitBar: trades.exitBar[row],
    entryPrice: trades.entryPrice[row],
    exitPrice: trades.exitPrice[row],
    profit: trades.pnl[row],
    exitReason: EXIT_REASONS[trades.exitReason[row]],
  });
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
