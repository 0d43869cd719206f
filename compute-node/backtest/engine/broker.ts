/**
 * @file The event engine: orders of every kind, bar by bar, for strategies that the fast engine cannot express.
 *
 * On every bar, in this order: time stops and market orders at the open (or at the close before, by the settings); orders and
 * levels that the open itself reaches; then those that the bar reaches, as `bar-path.ts` finds their order. Then the
 * account is marked at the close. Orders of the last bar never fill, and open positions close at its close. Where
 * signals can express the same, the results are the fast engine's, bit for bit.
 *
 * Where holding costs money, a bar begins with paying for the time since the bar before. Where there is a maintenance
 * margin, its price is one more stop for the whole position; liquidation also withdraws waiting orders. A limit order
 * pays the maker's commission unless it fills at the open of the first bar on which it could.
 */

import type { Conventions } from "../../../protocol/conventions.ts";
import { DAY_MS } from "../../../protocol/durations.ts";
import type { BacktestSettings } from "../../../protocol/operations/index.ts";
import { Problem } from "../../../protocol/problem.ts";
import { roundToTick, type Side } from "../../ledger/index.ts";
import type { BarColumns } from "../../market-data/bars.ts";
import { BarPath } from "./bar-path.ts";
import type { EngineWarnings, WarningCounts } from "./engine-warnings.ts";
import { type BrokerOptions, Execution } from "./execution.ts";
import type { Lots } from "./lots.ts";
import type { Lot, Order, OrderRequest } from "./order.ts";
import { checkRequest, kindOf, WHOLE_MARKET_ORDER } from "./order-checks.ts";
import type { OrderLog } from "./order-log.ts";
import type { TradeLog, TradeLogSnapshot } from "./trade-log.ts";

/** The state of an account between two bars, as plain data. */
export interface BrokerState {
  readonly bar: number;
  readonly cash: number;
  readonly isRuined: boolean;
  readonly orders: readonly Order[];
  readonly lots: readonly Lot[];
  readonly log: Float64Array;
  readonly trades: TradeLogSnapshot;
  readonly warnings: WarningCounts;
  /** The marks of the bars that are done. */
  readonly equity: Float64Array;
}

export class Broker {
  readonly warnings: EngineWarnings;
  readonly trades: TradeLog;
  /** The outcome of every order. */
  readonly log: OrderLog;
  /** Waiting orders, oldest first. */
  readonly orders: readonly Order[];
  readonly equity: Float64Array;
  readonly conventions: Conventions;
  isRuined = false;
  private readonly books: Execution;
  /** The present bar; the books know it where they execute something. */
  private bar = 0;
  /** The books' lots, which every bar asks for. */
  private readonly held: Lots;
  private readonly path: BarPath;
  /** Each bar of a holding changes the account, or may end it. */
  private readonly watchesHoldings: boolean;
  private readonly bars: BarColumns;

  constructor(bars: BarColumns, settings: BacktestSettings, options: BrokerOptions = {}) {
    this.bars = bars;
    this.books = new Execution(bars, settings, options);
    this.held = this.books.held;
    this.path = new BarPath(this.books);
    this.watchesHoldings = this.books.models.margins.watchesHoldings;
    this.equity = new Float64Array(bars.rows);
    const { warnings, trades, log, orders, conventions } = this.books;
    this.conventions = conventions;
    this.warnings = warnings;
    this.trades = trades;
    this.log = log;
    this.orders = orders;
  }

  /** Units held; negative for a short, 0 while flat. */
  get size(): number {
    return this.held.size;
  }

  /** The lots that are held, oldest first; all on one side. */
  get lots(): readonly Lot[] {
    return this.held.list;
  }

  get cash(): number {
    return this.held.cash;
  }

  /** Cash and the profit of the position, money. */
  valueAt(price: number): number {
    return this.held.valueAt(price);
  }

  /**
   * Places an order at the close of the present bar. Throws a `Problem` (`invalid-strategy`) for one that makes no sense.
   */
  place(side: Side, request: OrderRequest, closes = 0): Order {
    checkRequest(request);
    const { books, bar } = this;
    const kind = kindOf(request);
    const { tickSize } = books.models.fills;
    const { units = Number.NaN } = request;
    const limit = roundToTick(request.limit ?? Number.NaN, tickSize, side === 1 ? -1 : 1);
    const stop = roundToTick(request.stop ?? Number.NaN, tickSize, side);
    const id = this.log.place(side, kind, bar, units, limit, stop) + 1;
    const order = { id, side, kind, request, limit, stop, placedBar: bar, closes };
    books.orders.push(order);
    return order;
  }

  /** A market order that closes `portion` (above 0, at most 1) of the position at that time; nothing while flat. */
  close(portion = 1): void {
    if (!(Number.isFinite(portion) && portion > 0 && portion <= 1)) {
      throw new Problem("invalid-strategy", `close(${portion}) is no part of a position.`, {
        cure: "Give a fraction above 0 and at most 1.",
      });
    }
    const { held } = this.books;
    if (held.list.length > 0) this.place(held.side === 1 ? -1 : 1, WHOLE_MARKET_ORDER, portion);
  }

  /** True when it was still waiting. */
  cancel(order: Order): boolean {
    this.books.bar = this.bar;
    return this.books.end(order, "cancelled", "withdrawn");
  }

  /** Executes waiting orders against the bar, and marks the account at its close. */
  process(bar: number): void {
    const { held } = this;
    this.bar = bar;
    if (this.orders.length > 0 || held.guarded > 0 || this.watchesHoldings) this.executeBar(bar);
    const value = held.valueAt(this.bars.close[bar]);
    this.equity[bar] = value;
    if (value <= 0) this.ruin(bar);
  }

  /** Only marks: before the first decision. */
  skip(bar: number): void {
    this.bar = bar;
    this.equity[bar] = this.cash;
  }

  /** Ends the run after the last bar, as `SignalRun.finish` does. */
  finish(): void {
    if (this.isRuined) return;
    const last = this.bars.rows - 1;
    const { books } = this;
    books.bar = last;
    if (books.settings.finalizeTrades) {
      if (books.conventions.lastBar === "replay") this.replayLastBar(last);
      else books.closeAll(this.bars.close[last], last, "end_of_data");
      this.equity[last] = this.valueAt(this.bars.close[last]);
      if (this.equity[last] <= 0) this.ruin(last);
    }
    if (this.lots.length > 0) this.warnings.openAtEnd = 1;
  }

  state(): BrokerState {
    const { bar, cash, isRuined, orders, lots } = this;
    return {
      ...{ bar, cash, isRuined, orders, lots },
      log: this.log.snapshot(),
      trades: this.trades.snapshot(),
      warnings: this.warnings.snapshot(),
      equity: this.equity.subarray(0, isRuined ? this.equity.length : bar + 1),
    };
  }

  /** Goes on from a `state`, on the same bars and settings; nothing may have happened here before. */
  restore(state: BrokerState): void {
    const { books } = this;
    this.bar = state.bar;
    this.isRuined = state.isRuined;
    books.orders.push(...state.orders);
    books.held.restore(state.cash, state.lots);
    this.log.restore(state.log);
    this.trades.restore(state.trades);
    this.warnings.restore(state.warnings);
    this.equity.set(state.equity);
  }

  private executeBar(bar: number): void {
    const { books, held } = this;
    books.bar = bar;
    const { fillAt } = books.settings;
    // Orders that fill at the close before change what is held since then.
    if (fillAt === "close" && books.orders.length > 0) this.executeMarketOrders(bar);
    if (books.models.margins.chargesHoldings && held.list.length > 0) held.charge(this.bars, bar);
    if (held.guarded > 0) this.endTimedLots(bar);
    if (fillAt === "next_open" && books.orders.length > 0) this.executeMarketOrders(bar);
    if (books.orders.length > 0) this.endDayOrders(bar);
    if (books.orders.length > 0 || held.guarded > 0 || this.watchesHoldings) this.path.run();
  }

  private endTimedLots(bar: number): void {
    const { list } = this.books.held;
    for (let index = 0; index < list.length; ) {
      const lot = list[index];
      if (bar < lot.lastBar) index++;
      else this.books.closeLot(lot, this.bars.open[bar], "time_stop");
    }
  }

  private executeMarketOrders(bar: number): void {
    const { books } = this;
    const atClose = books.settings.fillAt === "close";
    const price = atClose ? this.bars.close[bar - 1] : this.bars.open[bar];
    const fillBar = atClose ? bar - 1 : bar;
    for (let index = 0; index < books.orders.length; ) {
      const order = books.orders[index];
      if (order.kind !== "market") {
        index++;
        continue;
      }
      books.takeOrder(index);
      books.fill(order, price, fillBar, books.models.costs.takerRate);
      // The fill may have cancelled others before it.
      index = 0;
    }
  }

  private endDayOrders(bar: number): void {
    const { timeMs } = this.bars;
    const { books } = this;
    const day = Math.floor(timeMs[bar] / DAY_MS);
    for (const order of books.orders.filter(({ request }) => request.timeInForce === "day")) {
      if (Math.floor(timeMs[order.placedBar + 1] / DAY_MS) < day) books.end(order, "expired", "day_over");
    }
  }

  /** `lastBar: replay`: open positions close at the open (or the close before), and market orders execute there. */
  private replayLastBar(last: number): void {
    const { books } = this;
    const atClose = books.settings.fillAt === "close";
    if (!books.orders.some(({ closes }) => closes === 1))
      books.closeAll(
        atClose ? this.bars.close[last - 1] : this.bars.open[last],
        atClose ? last - 1 : last,
        "end_of_data",
      );
    this.executeMarketOrders(last);
    this.path.run();
  }

  private ruin(bar: number): void {
    const { books } = this;
    books.bar = bar;
    books.closeAll(this.bars.close[bar], bar, "ruin");
    books.cancelAll("ruin");
    books.held.cash = 0;
    this.equity.fill(0, bar);
    this.isRuined = true;
    this.warnings.ruined = true;
  }
}
