/**
 * @file The event engine: orders of every kind, bar by bar, for strategies that the fast engine's signals cannot say.
 *
 * On every bar, in this order: time stops and market orders at the open (or at the close before, by the settings); stops
 * of what is held; waiting orders in the order of their placing; targets. Then the account is marked at the close. A bar
 * tells its range and not its path, so whatever is against the position is taken to come first, and each bar on which
 * that mattered is counted. Where signals can say the same, the results are the fast engine's, bit for bit.
 *
 * Where holding costs money, a bar begins with paying for the time since the bar before. Where there is a maintenance
 * margin, its price is one more stop, of everything that is held; liquidation also withdraws what waits. A limit order
 * pays the maker's commission unless it fills at the open of the first bar on which it could.
 */
import { EXIT_REASONS } from "../../../protocol/backtest-result.ts";
import { DAY_MS } from "../../../protocol/durations.ts";
import type { BacktestSettings } from "../../../protocol/operations/index.ts";
import { Problem } from "../../../protocol/problem.ts";
import type { BarColumns } from "../../market-data/bars.ts";
import { type AccountRules, accountRules, holdingCost, liquidationPrice, roundToTick } from "./account-rules.ts";
import { EngineWarnings, type RefusalReason, type WarningCounts } from "./engine-warnings.ts";
import { type Side, stopFillPrice, targetFillPrice } from "./fill-price.ts";
import { followPrice, isGuarded, openedLot } from "./lot.ts";
import type { Lot, Order, OrderRequest } from "./order.ts";
import { checkRequest, kindOf, WHOLE_MARKET_ORDER } from "./order-checks.ts";
import { OrderLog, type OrderReason, type OrderStatus } from "./order-log.ts";
import { entryRefusal, entryUnits, orderCommission, tradableUnits } from "./position-size.ts";
import { type ExitReason, TradeLog, type TradeLogSnapshot } from "./trade-log.ts";

export interface BrokerOptions {
  /** An order against the position closes it; with this it also opens the other side. True by default. */
  readonly reversal?: boolean;
  /** How many entries may be held at once on one side; no limit by default. */
  readonly pyramiding?: number;
}

/** Room is made for one trade, and two orders, in so many bars; more make the logs grow. */
const BARS_PER_TRADE = 64;

/** Where an account stands between two bars, as plain data. */
export interface BrokerState {
  readonly bar: number;
  readonly cash: number;
  readonly isRuined: boolean;
  readonly orders: readonly Order[];
  readonly lots: readonly Lot[];
  readonly log: Float64Array;
  readonly trades: TradeLogSnapshot;
  readonly warnings: WarningCounts;
  /** Of the bars that are done. */
  readonly equity: Float64Array;
}

export class Broker {
  readonly warnings = new EngineWarnings();
  readonly trades: TradeLog;
  /** What became of every order. */
  readonly log: OrderLog;
  /** Waiting orders, oldest first. */
  readonly orders: Order[] = [];
  /** What is held, oldest first; all on one side. */
  readonly lots: Lot[] = [];
  readonly equity: Float64Array;
  cash: number;
  isRuined = false;
  private bar = 0;
  /** How many lots a price or the time may end. */
  private guardedLots = 0;
  /** Of `lots`: every bar asks for it. */
  private heldSize = 0;
  /** Of the oldest lot; mostly it is the only one. */
  private oldestPrice = Number.NaN;
  /** Why the order that was executed last was refused; null when it was not. */
  private refusal: RefusalReason | null = null;
  private readonly bars: BarColumns;
  private readonly settings: BacktestSettings;
  private readonly rules: AccountRules;
  private readonly reversal: boolean;
  private readonly pyramiding: number;

  constructor(bars: BarColumns, settings: BacktestSettings, options: BrokerOptions = {}) {
    this.bars = bars;
    this.settings = settings;
    this.rules = accountRules(settings);
    this.cash = settings.initialCapital;
    this.equity = new Float64Array(bars.rows);
    this.trades = new TradeLog(Math.ceil(bars.rows / BARS_PER_TRADE));
    this.log = new OrderLog(Math.ceil((2 * bars.rows) / BARS_PER_TRADE));
    this.reversal = options.reversal ?? true;
    this.pyramiding = options.pyramiding ?? Number.POSITIVE_INFINITY;
  }

  /** Units held; negative for a short, 0 while flat. */
  get size(): number {
    return this.heldSize;
  }

  /**
   * Places an order at the close of the present bar. Throws a `Problem` (`invalid-strategy`) for one that makes no sense.
   */
  place(side: Side, request: OrderRequest, closes = 0): Order {
    checkRequest(request);
    const kind = kindOf(request);
    const { tickSize } = this.rules;
    const { units = Number.NaN } = request;
    const limit = roundToTick(request.limit ?? Number.NaN, tickSize, side === 1 ? -1 : 1);
    const stop = roundToTick(request.stop ?? Number.NaN, tickSize, side);
    const id = this.log.place(side, kind, this.bar, units, limit, stop) + 1;
    const order = { id, side, kind, request, limit, stop, placedBar: this.bar, closes };
    this.orders.push(order);
    return order;
  }

  /** A market order that closes `portion` (above 0, at most 1) of what is held then; nothing while flat. */
  close(portion = 1): void {
    if (!(Number.isFinite(portion) && portion > 0 && portion <= 1)) {
      throw new Problem("invalid-strategy", `close(${portion}) is no part of a position.`, {
        cure: "Give a fraction above 0 and at most 1.",
      });
    }
    if (this.lots.length > 0) this.place(this.lots[0].size > 0 ? -1 : 1, WHOLE_MARKET_ORDER, portion);
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

  /** Executes what waits against the bar, and marks the account at its close. */
  process(bar: number): void {
    this.bar = bar;
    if (this.orders.length > 0 || this.guardedLots > 0 || this.rules.watchesHoldings) this.executeBar(bar);
    if (this.lots.length === 0) this.mark(bar, this.cash);
    else if (this.lots.length > 1) this.mark(bar, this.valueAt(this.bars.close[bar]));
    else this.mark(bar, this.cash + this.heldSize * (this.bars.close[bar] - this.oldestPrice));
  }

  private mark(bar: number, value: number): void {
    this.equity[bar] = value;
    if (value <= 0) this.ruin(bar);
  }

  /** Only marks: before the first decision. */
  skip(bar: number): void {
    this.bar = bar;
    this.equity[bar] = this.cash;
  }

  /** The last bar once more: what is open closes and market orders execute, as in `runBacktest`. */
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

  /** Cash and the profit of what is held, money. */
  valueAt(price: number): number {
    if (this.lots.length === 1) return this.cash + this.heldSize * (price - this.oldestPrice);
    let value = this.cash;
    for (let index = 0; index < this.lots.length; index++) {
      const lot = this.lots[index];
      value += lot.size * (price - lot.entryPrice);
    }
    return value;
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

  /** Goes on from what `state` gave, on the same bars and settings; nothing may have happened here before. */
  restore(state: BrokerState): void {
    this.bar = state.bar;
    this.cash = state.cash;
    this.isRuined = state.isRuined;
    this.orders.push(...state.orders);
    this.lots.push(...state.lots);
    this.lotsChanged();
    this.guardedLots = state.lots.filter(isGuarded).length;
    this.log.restore(state.log);
    this.trades.restore(state.trades);
    this.warnings.restore(state.warnings);
    this.equity.set(state.equity);
  }

  private executeBar(bar: number): void {
    if (this.rules.chargesHoldings && this.lots.length > 0) this.chargeHoldings(bar);
    if (this.guardedLots > 0) this.endTimedLots(bar);
    if (this.orders.length > 0) {
      this.executeMarketOrders(bar);
      if (this.orders.length > 0) this.endDayOrders(bar);
    }
    this.checkLosses(bar);
    if (this.orders.length > 0) this.executeWaiting(bar);
    if (this.guardedLots === 0) return;
    this.checkTargets(bar);
    this.trail(bar);
  }

  /** What was held over the time since the bar before is paid, at its close; each lot carries its share. */
  private chargeHoldings(bar: number): void {
    const { timeMs, close } = this.bars;
    const { size } = this;
    const cost = holdingCost(this.rules, size, this.borrowed(), close[bar - 1], timeMs[bar] - timeMs[bar - 1]);
    this.cash -= cost;
    for (let index = 0; index < this.lots.length; index++) {
      const lot = this.lots[index];
      lot.holdingCost += cost * (lot.size / size);
    }
  }

  /** Signed; see `account-rules.ts`. */
  private borrowed(): number {
    let value = 0;
    for (let index = 0; index < this.lots.length; index++) value += this.lots[index].size * this.lots[index].entryPrice;
    return value - this.cash;
  }

  private endTimedLots(bar: number): void {
    for (let index = 0; index < this.lots.length; ) {
      const lot = this.lots[index];
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
      this.fill(order, price, fillBar, this.rules.takerRate);
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
      // To buy at a limit is, as prices go, what a short's target does; to buy at a stop is a short's stop.
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
      this.fill(order, price, bar, stoodInBook ? this.rules.makerRate : this.rules.takerRate);
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
    const slipped = price * (1 + order.side * this.settings.slippageRate);
    if (units > 0)
      this.log.end(row, "filled", "signal", bar, units, roundToTick(slipped, this.rules.tickSize, order.side));
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
    const { slippageRate, spreadRate } = this.settings;
    const { tickSize } = this.rules;
    const fillPrice = price * (1 + side * slippageRate);
    const entryPrice = roundToTick(fillPrice * (1 + side * spreadRate), tickSize, side);
    const demand = { fraction: request.size ?? 1, units, money: request.money ?? null };
    const prices = { fill: fillPrice, entry: entryPrice, rate };
    const freeEquity = this.freeEquity(price);
    const taken = entryUnits(demand, freeEquity, prices, this.settings);
    if (!(taken > 0)) {
      const reason = entryRefusal(demand, freeEquity, prices, this.settings);
      this.refuse(reason === "no_cash" && this.lots.length > 0 ? "margin" : reason);
      return 0;
    }
    if (this.lots.length >= this.pyramiding) {
      this.refuse("pyramiding");
      return 0;
    }
    const entryFee = this.commission(taken, entryPrice, rate);
    this.cash -= entryFee;
    const isInside = order.kind !== "market" && price !== this.bars.open[bar];
    const lot = openedLot(request, { size: side * taken, entryPrice, entryBar: bar, entryFee }, tickSize);
    lot.openedBar = this.bar;
    lot.openedInside = isInside;
    this.lots.push(lot);
    this.lotsChanged();
    if (isGuarded(lot)) this.guardedLots++;
    if (order.kind !== "market") this.loseInside(lot, price, bar, isInside);
    return taken;
  }

  private refuse(reason: RefusalReason): void {
    this.warnings.refusals[reason]++;
    this.refusal = reason;
  }

  /**
   * The rest of the bar after a fill within it may have gone either way: against the position is assumed. After a fill at
   * the open the whole bar follows, and only what touches stop and target is unclear.
   */
  private loseInside(lot: Lot, price: number, bar: number, isInside: boolean): void {
    const side: Side = lot.size > 0 ? 1 : -1;
    const [high, low] = [this.bars.high[bar], this.bars.low[bar]];
    const liquidation = this.liquidationPrice();
    const isLiquidation = side * (liquidation - lot.stop) > 0;
    const lost = stopFillPrice(side, price, high, low, isLiquidation ? liquidation : lot.stop);
    if (Number.isNaN(lost)) return;
    const isWon = !Number.isNaN(targetFillPrice(side, price, high, low, lot.target));
    if (isInside || isWon) this.warnings.ambiguousBars++;
    if (isLiquidation) this.liquidate(lost, bar);
    else this.closeStopped(lot, lost, bar);
  }

  /** What no position binds, money. */
  private freeEquity(price: number): number {
    if (this.lots.length === 0) return this.cash;
    return this.valueAt(price) - Math.abs(this.size) * price * this.settings.margin;
  }

  private checkLevels(bar: number): void {
    this.checkLosses(bar);
    this.checkTargets(bar);
  }

  private checkLosses(bar: number): void {
    if (this.lots.length === 0) return;
    for (let index = this.lots.length - 1; index >= 0; index--) this.lots[index].openedInside = false;
    if (this.rules.maintenanceMargin > 0) this.loseInTurn(bar);
    else if (this.guardedLots > 0) this.checkStops(bar);
  }

  private checkStops(bar: number): void {
    const [open, high, low] = [this.bars.open[bar], this.bars.high[bar], this.bars.low[bar]];
    for (let index = 0; index < this.lots.length; ) {
      const lot = this.lots[index];
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
    while (this.lots.length > 0) {
      const side: Side = this.lots[0].size > 0 ? 1 : -1;
      const nearest = this.lots.reduce((near, lot) => (side * (lot.stop - near.stop) > 0 ? lot : near));
      const liquidation = this.liquidationPrice();
      const isLiquidation = side * (liquidation - nearest.stop) > 0;
      const price = stopFillPrice(side, open, high, low, isLiquidation ? liquidation : nearest.stop);
      if (Number.isNaN(price)) return;
      if (isLiquidation ? this.lots.some((lot) => this.reachesTarget(lot, bar)) : this.reachesTarget(nearest, bar))
        this.warnings.ambiguousBars++;
      if (isLiquidation) this.liquidate(price, bar);
      else this.closeStopped(nearest, price, bar);
    }
  }

  private reachesTarget({ size, target }: Lot, bar: number): boolean {
    return size > 0 ? this.bars.high[bar] >= target : this.bars.low[bar] <= target;
  }

  private liquidationPrice(): number {
    return liquidationPrice(this.rules, this.size, this.borrowed());
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
    if (this.lots.length === 0) return;
    const [open, high, low] = [this.bars.open[bar], this.bars.high[bar], this.bars.low[bar]];
    for (let index = 0; index < this.lots.length; ) {
      const lot = this.lots[index];
      const price = targetFillPrice(lot.size > 0 ? 1 : -1, open, high, low, lot.target);
      if (lot.openedInside || Number.isNaN(price)) {
        index++;
        continue;
      }
      const stoodInBook = price !== open || bar > lot.openedBar;
      this.closeLot(lot, price, bar, "take_profit", stoodInBook ? this.rules.makerRate : this.rules.takerRate);
    }
  }

  private trail(bar: number): void {
    for (let index = 0; index < this.lots.length; index++) {
      const lot = this.lots[index];
      // Of the bar that it was opened in, nobody knows which part came after.
      if (lot.trailingFraction === 0 || lot.openedInside) continue;
      lot.best = lot.size > 0 ? Math.max(lot.best, this.bars.high[bar]) : Math.min(lot.best, this.bars.low[bar]);
      followPrice(lot, this.rules.tickSize);
    }
  }

  private closeAll(price: number, bar: number, reason: ExitReason, rate = this.rules.takerRate): void {
    while (this.lots.length > 0) this.closeLot(this.lots[0], price, bar, reason, rate);
  }

  /** Takes `units` off, oldest lots first; `all` leaves nothing to rounding. */
  private reduce(units: number, all: boolean, price: number, bar: number, rate: number): void {
    if (all) {
      this.closeAll(price, bar, "signal", rate);
      return;
    }
    let left = tradableUnits(units, this.settings);
    if (left === 0) this.refuse("below_lot");
    while (left > 0 && this.lots.length > 0) {
      const lot = this.lots[0];
      const part = Math.min(left, Math.abs(lot.size));
      left -= part;
      if (part === Math.abs(lot.size)) this.closeLot(lot, price, bar, "signal", rate);
      else this.closePart(lot, part, price, bar, rate);
    }
  }

  private closePart(lot: Lot, units: number, price: number, bar: number, rate: number): void {
    const side = lot.size > 0 ? 1 : -1;
    const share = units / Math.abs(lot.size);
    const [entryFee, holding] = [lot.entryFee * share, lot.holdingCost * share];
    this.record({ ...lot, size: side * units, entryFee, holdingCost: holding }, price, bar, "signal", rate);
    lot.size -= side * units;
    lot.entryFee -= entryFee;
    lot.holdingCost -= holding;
    this.lotsChanged();
  }

  private closeLot(lot: Lot, price: number, bar: number, reason: ExitReason, rate = this.rules.takerRate): void {
    if (this.lots.length === 1) this.lots.pop();
    else this.lots.splice(this.lots.indexOf(lot), 1);
    this.lotsChanged();
    if (isGuarded(lot)) this.guardedLots--;
    this.record(lot, price, bar, reason, rate);
  }

  private record(lot: Lot, price: number, bar: number, reason: ExitReason, rate: number): void {
    const { size, entryPrice } = lot;
    const side = size > 0 ? 1 : -1;
    const slipped = price * (1 - side * this.settings.slippageRate);
    const exitPrice = roundToTick(slipped, this.rules.tickSize, side === 1 ? -1 : 1);
    const exitFee = this.commission(Math.abs(size), exitPrice, rate);
    const commission = exitFee + lot.entryFee;
    const costs = commission + lot.holdingCost;
    const gross = size * (exitPrice - entryPrice);
    this.cash += gross - exitFee;
    const { trades } = this;
    const row = trades.append();
    trades.size[row] = size;
    trades.entryBar[row] = lot.entryBar;
    trades.exitBar[row] = bar;
    trades.entryPrice[row] = entryPrice;
    trades.exitPrice[row] = exitPrice;
    trades.pnl[row] = gross - costs;
    trades.commission[row] = commission;
    trades.holdingCost[row] = lot.holdingCost;
    trades.returnFraction[row] = side * (exitPrice / entryPrice - 1) - costs / (Math.abs(size) * entryPrice);
    trades.stopLoss[row] = Number.isFinite(lot.stop) ? lot.stop : Number.NaN;
    trades.takeProfit[row] = Number.isFinite(lot.target) ? lot.target : Number.NaN;
    trades.exitReason[row] = EXIT_REASONS.indexOf(reason);
  }

  private lotsChanged(): void {
    let size = 0;
    for (let index = 0; index < this.lots.length; index++) size += this.lots[index].size;
    this.heldSize = size;
    this.oldestPrice = this.lots.length === 0 ? Number.NaN : this.lots[0].entryPrice;
  }

  private ruin(bar: number): void {
    this.closeAll(this.bars.close[bar], bar, "ruin");
    this.cancelAll("ruin", bar);
    this.cash = 0;
    this.equity.fill(0, bar);
    this.isRuined = true;
    this.warnings.ruined = true;
  }

  private commission(units: number, price: number, rate: number): number {
    return orderCommission(this.settings, units, price, rate);
  }
}
