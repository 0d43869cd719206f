/**
 * @file The event engine: orders of every kind, bar by bar, for strategies that the fast engine cannot express.
 *
 * On every bar, in this order: time stops and market orders at the open (or at the close before, by the settings); stops
 * of the position; waiting orders in the order of their placing; targets. Then the account is marked at the close. A
 * bar gives its range and not its path, so the worse event for the position is taken to come first, and each bar on
 * which that mattered is counted. Where signals can express the same, the results are the fast engine's, bit for bit.
 *
 * Where holding costs money, a bar begins with paying for the time since the bar before. Where there is a maintenance
 * margin, its price is one more stop for the whole position; liquidation also withdraws waiting orders. A limit order
 * pays the maker's commission unless it fills at the open of the first bar on which it could.
 */
import { DAY_MS } from "../../../protocol/durations.ts";
import type { BacktestSettings } from "../../../protocol/operations/index.ts";
import { Problem } from "../../../protocol/problem.ts";
import {
  type AccountModels,
  accountModels,
  entryRefusal,
  entryUnits,
  priceWithSpread,
  roundToTick,
  type Side,
  slippedPrice,
  stopFillPrice,
  targetFillPrice,
  tradableUnits,
  tradedPrice,
} from "../../ledger/index.ts";
import type { BarColumns } from "../../market-data/bars.ts";
import { EngineWarnings, type RefusalReason, type WarningCounts } from "./engine-warnings.ts";
import { openedLot } from "./lot.ts";
import { Lots } from "./lots.ts";
import type { Lot, Order, OrderRequest } from "./order.ts";
import { checkRequest, kindOf, WHOLE_MARKET_ORDER } from "./order-checks.ts";
import { OrderLog, type OrderReason, type OrderStatus } from "./order-log.ts";
import { type ExitReason, TradeLog, type TradeLogSnapshot } from "./trade-log.ts";

export interface BrokerOptions {
  /** An order against the position closes it; with this it also opens the other side. True by default. */
  readonly reversal?: boolean;
  /** The most entries held at once on one side; no limit by default. */
  readonly pyramiding?: number;
}

/** The logs begin with room for one trade and two orders in this many bars; more make them grow. */
const BARS_PER_TRADE = 64;

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
  readonly warnings = new EngineWarnings();
  readonly trades: TradeLog;
  /** The outcome of every order. */
  readonly log: OrderLog;
  /** Waiting orders, oldest first. */
  readonly orders: Order[] = [];
  readonly equity: Float64Array;
  isRuined = false;
  private bar = 0;
  private readonly held: Lots;
  /** Each bar of a holding changes the account, or may end it. */
  private readonly watchesHoldings: boolean;
  /** The reason for which the last executed order was refused; null when it was not. */
  private refusal: RefusalReason | null = null;
  private readonly bars: BarColumns;
  private readonly settings: BacktestSettings;
  private readonly models: AccountModels;
  private readonly reversal: boolean;
  private readonly pyramiding: number;

  constructor(bars: BarColumns, settings: BacktestSettings, options: BrokerOptions = {}) {
    this.bars = bars;
    this.settings = settings;
    this.models = accountModels(settings);
    this.watchesHoldings = this.models.margins.watchesHoldings;
    this.equity = new Float64Array(bars.rows);
    this.trades = new TradeLog(Math.ceil(bars.rows / BARS_PER_TRADE));
    this.held = new Lots(settings.initialCapital, this.models, this.trades);
    this.log = new OrderLog(Math.ceil((2 * bars.rows) / BARS_PER_TRADE));
    this.reversal = options.reversal ?? true;
    this.pyramiding = options.pyramiding ?? Number.POSITIVE_INFINITY;
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
    const kind = kindOf(request);
    const { tickSize } = this.models.fills;
    const { units = Number.NaN } = request;
    const limit = roundToTick(request.limit ?? Number.NaN, tickSize, side === 1 ? -1 : 1);
    const stop = roundToTick(request.stop ?? Number.NaN, tickSize, side);
    const id = this.log.place(side, kind, this.bar, units, limit, stop) + 1;
    const order = { id, side, kind, request, limit, stop, placedBar: this.bar, closes };
    this.orders.push(order);
    return order;
  }

  /** A market order that closes `portion` (above 0, at most 1) of the position at that time; nothing while flat. */
  close(portion = 1): void {
    if (!(Number.isFinite(portion) && portion > 0 && portion <= 1)) {
      throw new Problem("invalid-strategy", `close(${portion}) is no part of a position.`, {
        cure: "Give a fraction above 0 and at most 1.",
      });
    }
    if (this.held.list.length > 0) this.place(this.held.side === 1 ? -1 : 1, WHOLE_MARKET_ORDER, portion);
  }

  /** True when it was still waiting. */
  cancel(order: Order): boolean {
    return this.end(order, "cancelled", "withdrawn");
  }

  private end(order: Order, status: OrderStatus, reason: OrderReason): boolean {
    const isWaiting = this.remove(order);
    if (isWaiting) this.log.end(order.id - 1, status, reason, this.bar);
    return isWaiting;
  }

  private remove({ id }: Order): boolean {
    const index = this.orders.findIndex((order) => order.id === id);
    if (index < 0) return false;
    this.takeOrder(index);
    return true;
  }

  /** Mostly it is the only one, and no array is made for it. */
  private takeOrder(index: number): void {
    if (this.orders.length === 1) this.orders.pop();
    else this.orders.splice(index, 1);
  }

  /** Executes waiting orders against the bar, and marks the account at its close. */
  process(bar: number): void {
    this.bar = bar;
    const { held } = this;
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

  /** Processes the last bar once more: open positions close and market orders execute, as in `runBacktest`. */
  finish(): void {
    if (this.isRuined) return;
    const last = this.bars.rows - 1;
    if (this.settings.finalizeTrades) {
      const { price, fillBar } = this.marketFill(last);
      if (!this.orders.some(({ closes }) => closes === 1)) this.closeAll(price, fillBar, "end_of_data");
      this.executeMarketOrders(last);
      this.checkLevels(last);
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
    this.bar = state.bar;
    this.isRuined = state.isRuined;
    this.orders.push(...state.orders);
    this.held.restore(state.cash, state.lots);
    this.log.restore(state.log);
    this.trades.restore(state.trades);
    this.warnings.restore(state.warnings);
    this.equity.set(state.equity);
  }

  private executeBar(bar: number): void {
    const { held } = this;
    if (this.models.margins.chargesHoldings && held.list.length > 0) held.charge(this.bars, bar);
    if (held.guarded > 0) this.endTimedLots(bar);
    if (this.orders.length > 0) {
      this.executeMarketOrders(bar);
      if (this.orders.length > 0) this.endDayOrders(bar);
    }
    this.checkLosses(bar);
    if (this.orders.length > 0) this.executeWaiting(bar);
    if (held.guarded === 0) return;
    this.checkTargets(bar);
    held.trail(this.bars, bar);
  }

  private endTimedLots(bar: number): void {
    const { list } = this.held;
    for (let index = 0; index < list.length; ) {
      const lot = list[index];
      if (bar < lot.lastBar) index++;
      else this.closeLot(lot, this.bars.open[bar], bar, "time_stop");
    }
  }

  private marketFill(bar: number): { price: number; fillBar: number } {
    if (this.settings.fillAt === "close") return { price: this.bars.close[bar - 1], fillBar: bar - 1 };
    return { price: this.bars.open[bar], fillBar: bar };
  }

  private executeMarketOrders(bar: number): void {
    const { price, fillBar } = this.marketFill(bar);
    for (let index = 0; index < this.orders.length; ) {
      const order = this.orders[index];
      if (order.kind !== "market") {
        index++;
        continue;
      }
      this.takeOrder(index);
      this.fill(order, price, fillBar, this.models.costs.takerRate);
      // The fill may have cancelled others before it.
      index = 0;
    }
  }

  private endDayOrders(bar: number): void {
    const { timeMs } = this.bars;
    const day = Math.floor(timeMs[bar] / DAY_MS);
    for (const order of this.orders.filter(({ request }) => request.timeInForce === "day")) {
      if (Math.floor(timeMs[order.placedBar + 1] / DAY_MS) < day) this.end(order, "expired", "day_over");
    }
  }

  /** Limit, stop and stop-limit orders that the bar reaches. */
  private executeWaiting(bar: number): void {
    const [open, high, low] = [this.bars.open[bar], this.bars.high[bar], this.bars.low[bar]];
    for (const order of [...this.orders]) {
      if (order.kind === "market" || !this.orders.includes(order)) continue;
      const { side, limit, stop } = order;
      // A buy at a limit fills as a short's target does, and a buy at a stop as a short's stop.
      const opposite: Side = side === 1 ? -1 : 1;
      const price =
        order.kind === "limit"
          ? targetFillPrice(opposite, open, high, low, limit)
          : stopFillPrice(opposite, open, high, low, stop);
      if (Number.isNaN(price)) continue;
      if (order.kind === "stop_limit" && side * (price - limit) > 0) {
        const { stop: _reached, ...request } = order.request;
        this.orders[this.orders.indexOf(order)] = { ...order, kind: "limit", stop: Number.NaN, request };
        continue;
      }
      this.remove(order);
      const stoodInBook = order.kind === "limit" && (price !== open || order.placedBar < bar - 1);
      this.fill(order, price, bar, stoodInBook ? this.models.costs.makerRate : this.models.costs.takerRate);
    }
  }

  private fill(order: Order, price: number, bar: number, rate: number): void {
    const { cancelGroup } = order.request;
    if (cancelGroup !== undefined) {
      for (const other of this.orders.filter(({ request }) => request.cancelGroup === cancelGroup)) {
        this.end(other, "cancelled", "group_filled");
      }
    }
    this.refusal = null;
    const units = this.execute(order, price, bar, rate);
    const row = order.id - 1;
    if (units > 0) this.log.end(row, "filled", "signal", bar, units, tradedPrice(this.models.fills, order.side, price));
    else if (this.refusal !== null) this.log.end(row, "refused", this.refusal, bar);
    else this.log.end(row, "cancelled", "position_closed", bar);
  }

  /** Answers the units that changed hands. */
  private execute(order: Order, price: number, bar: number, rate: number): number {
    const held = this.size;
    const heldUnits = Math.abs(held);
    if (order.closes > 0) {
      if (held * order.side < 0) this.reduce(heldUnits * order.closes, order.closes === 1, price, bar, rate);
      return heldUnits - Math.abs(this.size);
    }
    const { units = null } = order.request;
    if (held * order.side >= 0) return this.enter(order, price, bar, units, rate);
    if (units === null) this.closeAll(price, bar, "signal", rate);
    else this.reduce(units, units >= heldUnits, price, bar, rate);
    const closed = heldUnits - Math.abs(this.size);
    if (!this.reversal || (units !== null && units <= heldUnits)) return closed;
    return closed + this.enter(order, price, bar, units === null ? null : units - heldUnits, rate);
  }

  /** Answers the units that were taken. */
  private enter(order: Order, price: number, bar: number, units: number | null, rate: number): number {
    const { side, request } = order;
    const { held, models } = this;
    const fillPrice = slippedPrice(models.fills, side, price);
    const entryPrice = priceWithSpread(models.fills, side, fillPrice);
    const demand = { fraction: request.size ?? 1, units, money: request.money ?? null };
    const prices = { fill: fillPrice, entry: entryPrice, rate };
    const free = held.freeAt(price);
    const taken = entryUnits(demand, free, prices, models);
    if (!(taken > 0)) {
      const reason = entryRefusal(demand, free, prices, models);
      this.refuse(reason === "no_cash" && held.list.length > 0 ? "margin" : reason);
      return 0;
    }
    if (held.list.length >= this.pyramiding) {
      this.refuse("pyramiding");
      return 0;
    }
    const entryFee = held.payEntry(taken, entryPrice, rate);
    const isInside = order.kind !== "market" && price !== this.bars.open[bar];
    const entry = { size: side * taken, entryPrice, entryBar: bar, entryFee };
    const lot = openedLot(request, entry, models.fills.tickSize);
    lot.openedBar = this.bar;
    lot.openedInside = isInside;
    held.add(lot);
    if (order.kind !== "market") this.loseInside(lot, price, bar, isInside);
    return taken;
  }

  private refuse(reason: RefusalReason): void {
    this.warnings.refusals[reason]++;
    this.refusal = reason;
  }

  /**
   * The rest of the bar after a fill within it may have gone either way: against the position is assumed. After a fill at
   * the open the whole bar follows, and only a bar that touches stop and target is unclear.
   */
  private loseInside(lot: Lot, price: number, bar: number, isInside: boolean): void {
    const side: Side = lot.size > 0 ? 1 : -1;
    const [high, low] = [this.bars.high[bar], this.bars.low[bar]];
    const liquidation = this.held.liquidationPrice();
    const isLiquidation = side * (liquidation - lot.stop) > 0;
    const lost = stopFillPrice(side, price, high, low, isLiquidation ? liquidation : lot.stop);
    if (Number.isNaN(lost)) return;
    const isWon = !Number.isNaN(targetFillPrice(side, price, high, low, lot.target));
    if (isInside || isWon) this.warnings.ambiguousBars++;
    if (isLiquidation) this.liquidate(lost, bar);
    else this.closeStopped(lot, lost, bar);
  }

  private checkLevels(bar: number): void {
    this.checkLosses(bar);
    this.checkTargets(bar);
  }

  private checkLosses(bar: number): void {
    const { list, guarded } = this.held;
    if (list.length === 0) return;
    for (let index = list.length - 1; index >= 0; index--) list[index].openedInside = false;
    if (this.models.margins.maintenanceMargin > 0) this.loseInTurn(bar);
    else if (guarded > 0) this.checkStops(bar);
  }

  private checkStops(bar: number): void {
    const [open, high, low] = [this.bars.open[bar], this.bars.high[bar], this.bars.low[bar]];
    const { list } = this.held;
    for (let index = 0; index < list.length; ) {
      const lot = list[index];
      const side: Side = lot.size > 0 ? 1 : -1;
      const price = stopFillPrice(side, open, high, low, lot.stop);
      if (Number.isNaN(price)) {
        index++;
        continue;
      }
      if (this.reachesTarget(lot, bar)) this.warnings.ambiguousBars++;
      this.closeStopped(lot, price, bar);
    }
  }

  /** Stops and liquidation as the price meets them, the nearest first: each exit moves the price of liquidation. */
  private loseInTurn(bar: number): void {
    const [open, high, low] = [this.bars.open[bar], this.bars.high[bar], this.bars.low[bar]];
    const { held } = this;
    while (held.list.length > 0) {
      const { side } = held;
      const nearest = held.list.reduce((near, lot) => (side * (lot.stop - near.stop) > 0 ? lot : near));
      const liquidation = this.held.liquidationPrice();
      const isLiquidation = side * (liquidation - nearest.stop) > 0;
      const price = stopFillPrice(side, open, high, low, isLiquidation ? liquidation : nearest.stop);
      if (Number.isNaN(price)) return;
      if (isLiquidation ? held.list.some((lot) => this.reachesTarget(lot, bar)) : this.reachesTarget(nearest, bar))
        this.warnings.ambiguousBars++;
      if (isLiquidation) this.liquidate(price, bar);
      else this.closeStopped(nearest, price, bar);
    }
  }

  private reachesTarget({ size, target }: Lot, bar: number): boolean {
    return size > 0 ? this.bars.high[bar] >= target : this.bars.low[bar] <= target;
  }

  private liquidate(price: number, bar: number): void {
    this.warnings.liquidations++;
    this.closeAll(price, bar, "liquidation");
    this.cancelAll("liquidation", bar);
  }

  private cancelAll(reason: OrderReason, bar: number): void {
    for (const order of this.orders) this.log.end(order.id - 1, "cancelled", reason, bar);
    this.orders.length = 0;
  }

  private closeStopped(lot: Lot, price: number, bar: number): void {
    this.closeLot(lot, price, bar, lot.isTrailed ? "trailing_stop" : "stop_loss");
  }

  private checkTargets(bar: number): void {
    const { list } = this.held;
    if (list.length === 0) return;
    const [open, high, low] = [this.bars.open[bar], this.bars.high[bar], this.bars.low[bar]];
    for (let index = 0; index < list.length; ) {
      const lot = list[index];
      const price = targetFillPrice(lot.size > 0 ? 1 : -1, open, high, low, lot.target);
      if (lot.openedInside || Number.isNaN(price)) {
        index++;
        continue;
      }
      const stoodInBook = price !== open || bar > lot.openedBar;
      this.closeLot(
        lot,
        price,
        bar,
        "take_profit",
        stoodInBook ? this.models.costs.makerRate : this.models.costs.takerRate,
      );
    }
  }

  private closeAll(price: number, bar: number, reason: ExitReason, rate = this.models.costs.takerRate): void {
    this.held.closeAll(price, bar, reason, rate);
  }

  private closeLot(lot: Lot, price: number, bar: number, reason: ExitReason, rate = this.models.costs.takerRate): void {
    this.held.close(lot, price, bar, reason, rate);
  }

  /** Takes `units` off, oldest lots first; `all` leaves nothing to rounding. */
  private reduce(units: number, all: boolean, price: number, bar: number, rate: number): void {
    if (all) {
      this.closeAll(price, bar, "signal", rate);
      return;
    }
    const whole = tradableUnits(units, this.models.lots);
    if (whole === 0) this.refuse("below_lot");
    this.held.reduce(whole, price, bar, rate);
  }

  private ruin(bar: number): void {
    this.closeAll(this.bars.close[bar], bar, "ruin");
    this.cancelAll("ruin", bar);
    this.held.cash = 0;
    this.equity.fill(0, bar);
    this.isRuined = true;
    this.warnings.ruined = true;
  }
}
