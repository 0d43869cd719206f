/** Executes orders on the broker's books: entries, exits, reductions and refusals, at a price that is already decided. */
import type { Conventions } from "../../../protocol/conventions.ts";
import type { BacktestSettings } from "../../../protocol/operations/index.ts";
import {
  type AccountModels,
  accountModels,
  areAllUnits,
  type EntryDemand,
  type EntryPrices,
  entryRefusal,
  entryUnits,
  priceWithSpread,
  refusalFigures,
  slippedPrice,
  tidyUnits,
  tradableUnits,
  tradedPrice,
} from "../../ledger/index.ts";
import type { BarColumns } from "../../market-data/bars.ts";
import { EngineWarnings, type RefusalReason, type WarningCounts } from "./engine-warnings.ts";
import { openedLot } from "./lot.ts";
import { Lots } from "./lots.ts";
import type { Lot, Order } from "./order.ts";
import { OrderLog, type OrderReason, type OrderStatus } from "./order-log.ts";
import { type ExitReason, TradeLog } from "./trade-log.ts";

export interface BrokerOptions {
  /** An order against the position closes it; with this it also opens the other side. True by default. */
  readonly reversal?: boolean;
  /** The most entries held at once on one side; no limit by default. */
  readonly pyramiding?: number;
}

/** The logs begin with room for one trade and two orders in this many bars; more make them grow. */
const BARS_PER_TRADE = 64;

/** The books as they stood at a moment within a bar. */
interface Books {
  readonly cash: number;
  readonly lots: readonly Lot[];
  readonly orders: readonly Order[];
  readonly tradeCount: number;
  readonly warnings: WarningCounts;
}

export class Execution {
  readonly bars: BarColumns;
  readonly settings: BacktestSettings;
  readonly models: AccountModels;
  readonly conventions: Conventions;
  readonly warnings = new EngineWarnings();
  readonly trades: TradeLog;
  /** The outcome of every order. */
  readonly log: OrderLog;
  /** Waiting orders, oldest first. */
  readonly orders: Order[] = [];
  readonly held: Lots;
  /** The bar that is being processed. */
  bar = 0;
  readonly #reversal: boolean;
  readonly #pyramiding: number;
  /** The reason for which the last executed order was refused; null when it was not. */
  #refusal: RefusalReason | null = null;

  constructor(bars: BarColumns, settings: BacktestSettings, options: BrokerOptions) {
    this.bars = bars;
    this.settings = settings;
    this.models = accountModels(settings);
    this.conventions = this.models.conventions;
    this.trades = new TradeLog(Math.ceil(bars.rows / BARS_PER_TRADE));
    this.held = new Lots(settings.initialCapital, this.models, this.trades);
    this.log = new OrderLog(Math.ceil((2 * bars.rows) / BARS_PER_TRADE));
    this.#reversal = options.reversal ?? true;
    this.#pyramiding = options.pyramiding ?? Number.POSITIVE_INFINITY;
  }

  save(): Books {
    const { held, orders, trades, warnings } = this;
    return {
      cash: held.cash,
      lots: held.list.map((lot) => ({ ...lot })),
      orders: orders.slice(),
      tradeCount: trades.count,
      warnings: warnings.snapshot(),
    };
  }

  /** Undoes what happened since `save`. The same books may be put back several times. */
  putBack(books: Books): void {
    this.held.list.length = 0;
    this.held.restore(
      books.cash,
      books.lots.map((lot) => ({ ...lot })),
    );
    this.orders.length = 0;
    this.orders.push(...books.orders);
    for (const order of books.orders) this.log.wait(order.id - 1);
    this.trades.count = books.tradeCount;
    this.warnings.restore(books.warnings);
  }

  /** Ends a waiting order without a fill; true when it was still waiting. */
  end(order: Order, status: OrderStatus, reason: OrderReason): boolean {
    const isWaiting = this.remove(order);
    if (isWaiting) this.log.end(order.id - 1, status, reason, this.bar);
    return isWaiting;
  }

  /** Takes the order off the waiting ones; true when it was one. */
  remove({ id }: Order): boolean {
    const index = this.orders.findIndex((order) => order.id === id);
    if (index < 0) return false;
    this.takeOrder(index);
    return true;
  }

  /** Mostly it is the only one, and no array is made for it. */
  takeOrder(index: number): void {
    if (this.orders.length === 1) this.orders.pop();
    else this.orders.splice(index, 1);
  }

  cancelAll(reason: OrderReason): void {
    for (const order of this.orders) this.log.end(order.id - 1, "cancelled", reason, this.bar);
    this.orders.length = 0;
  }

  /** Executes an order, which is no longer among the waiting ones, at `price`; `fillBar` is the bar that its trade records. */
  fill(order: Order, price: number, fillBar: number, rate: number): void {
    this.#refusal = null;
    const units = this.#execute(order, price, fillBar, rate);
    const row = order.id - 1;
    const { fills } = this.models;
    if (units > 0) this.#cancelGroup(order);
    if (units > 0) this.log.end(row, "filled", "signal", fillBar, units, tradedPrice(fills, order.side, price));
    else if (this.#refusal !== null) this.log.end(row, "refused", this.#refusal, fillBar);
    else this.log.end(row, "cancelled", "position_closed", fillBar);
  }

  /** A refused order leaves the others of its group waiting. */
  #cancelGroup({ request: { cancelGroup } }: Order): void {
    if (cancelGroup === undefined) return;
    for (const other of this.orders.filter(({ request }) => request.cancelGroup === cancelGroup)) {
      this.end(other, "cancelled", "group_filled");
    }
  }

  /** Answers the units that changed hands. */
  #execute(order: Order, price: number, bar: number, rate: number): number {
    const { held } = this;
    const { size } = held;
    const heldUnits = Math.abs(size);
    if (order.closes > 0) {
      if (size * order.side < 0) this.#reduce(heldUnits * order.closes, order.closes === 1, price, bar, rate);
      return this.#closedOf(heldUnits);
    }
    const { units = null } = order.request;
    if (size * order.side >= 0) return this.#enter(order, price, bar, units, rate);
    const { lots } = this.models;
    if (units === null) held.closeAll(price, bar, "signal", rate);
    else this.#reduce(units, areAllUnits(units, heldUnits), price, bar, rate);
    const closed = this.#closedOf(heldUnits);
    if (!this.#reversal || (units !== null && areAllUnits(heldUnits, units))) return closed;
    return closed + this.#enter(order, price, bar, units === null ? null : tidyUnits(units - heldUnits, lots), rate);
  }

  /** Answers the units that were taken. */
  #enter(order: Order, price: number, bar: number, units: number | null, rate: number): number {
    const { side, request } = order;
    const { held, models } = this;
    const fillPrice = slippedPrice(models.fills, side, price);
    const entryPrice = priceWithSpread(models.fills, side, fillPrice);
    const demand = { fraction: request.size ?? 1, units, money: request.money ?? null };
    const prices = { fill: fillPrice, entry: entryPrice, rate };
    const free = held.freeAt(price);
    const taken = entryUnits(demand, free, prices, models);
    if (!(taken > 0)) {
      this.#refuseEntry(demand, free, prices);
      return 0;
    }
    if (held.list.length >= this.#pyramiding) {
      this.#refuse("pyramiding");
      return 0;
    }
    if (units !== null && !areAllUnits(taken, units)) this.warnings.roundedEntries++;
    const entryFee = held.payEntry(taken, entryPrice, rate);
    const entry = { size: side * taken, entryPrice, entryBar: bar, entryFee };
    const lot = openedLot(request, entry, models.fills.tickSize);
    lot.openedBar = this.bar;
    lot.targetFromBar = this.#firstTargetBar(order, lot);
    held.add(lot);
    return taken;
  }

  /** Units that left a position of `before`. */
  #closedOf(before: number): number {
    const left = Math.abs(this.held.size);
    return left === 0 ? before : tidyUnits(before - left, this.models.lots);
  }

  #refuseEntry(demand: EntryDemand, free: number, prices: EntryPrices): void {
    const reason = entryRefusal(demand, free, prices, this.models);
    const { warnings, held } = this;
    const isBound = reason === "no_cash" && held.list.length > 0;
    warnings.explain(isBound ? "margin" : reason, () => refusalFigures(demand, free, prices, this.models));
    this.#refuse(isBound ? "margin" : reason);
  }

  #refuse(reason: RefusalReason): void {
    this.warnings.refusals[reason]++;
    this.#refusal = reason;
  }

  /** Under `entryBarTarget: stop_entries` a target waits for the next bar, except after a stop entry on a bar that keeps off the stop. */
  #firstTargetBar({ kind }: Order, lot: Lot): number {
    if (kind === "market" || this.conventions.entryBarTarget === "proved") return this.bar;
    const isStopReached = lot.size > 0 ? this.bars.low[this.bar] <= lot.stop : this.bars.high[this.bar] >= lot.stop;
    return kind === "stop" && !isStopReached ? this.bar : this.bar + 1;
  }

  /** Takes `units` off, oldest lots first; `all` leaves nothing to rounding. */
  #reduce(units: number, all: boolean, price: number, bar: number, rate: number): void {
    const { held, models } = this;
    if (all) {
      held.closeAll(price, bar, "signal", rate);
      return;
    }
    const whole = tradableUnits(units, models.lots);
    if (whole === 0) this.#refuse("below_lot");
    held.reduce(whole, price, bar, rate);
  }

  closeLot(lot: Lot, price: number, reason: ExitReason, rate = this.models.costs.takerRate): void {
    this.held.close(lot, price, this.bar, reason, rate);
  }

  closeStopped(lot: Lot, price: number): void {
    this.closeLot(lot, price, lot.isTrailed ? "trailing_stop" : "stop_loss");
  }

  /** A target that stood in the book before it was reached is the maker's. */
  closeAtTarget(lot: Lot, price: number): void {
    const { takerRate, makerRate } = this.models.costs;
    const stoodInBook = price !== this.bars.open[this.bar] || this.bar > lot.openedBar;
    this.closeLot(lot, price, "take_profit", stoodInBook ? makerRate : takerRate);
  }

  /** Closes everything and withdraws waiting orders. */
  liquidate(price: number): void {
    this.warnings.liquidations++;
    this.closeAll(price, this.bar, "liquidation");
    this.cancelAll("liquidation");
  }

  closeAll(price: number, bar: number, reason: ExitReason): void {
    this.held.closeAll(price, bar, reason, this.models.costs.takerRate);
  }

  /** Fills a limit, stop or stop-limit order that the market reached at `price`; a stop-limit may go on as a limit order instead. */
  reach(order: Order, price: number): void {
    const { side, limit, kind } = order;
    if (kind === "stop_limit" && side * (price - limit) > 0) {
      const { stop: _reached, ...request } = order.request;
      this.orders[this.orders.indexOf(order)] = { ...order, kind: "limit", stop: Number.NaN, request };
      return;
    }
    this.remove(order);
    const { takerRate, makerRate } = this.models.costs;
    const stoodInBook = kind === "limit" && (price !== this.bars.open[this.bar] || order.placedBar < this.bar - 1);
    this.fill(order, price, this.bar, stoodInBook ? makerRate : takerRate);
  }
}
