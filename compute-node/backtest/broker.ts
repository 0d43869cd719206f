/**
 * @file The event engine: orders of every kind, bar by bar, for strategies that the fast engine's signals cannot say.
 *
 * On every bar, in this order: time stops and market orders at the open (or at the close before, by the settings); stops
 * of what is held; waiting orders in the order of their placing; targets. Then the account is marked at the close. A bar
 * tells its range and not its path, so whatever is against the position is taken to come first, and each bar on which
 * that mattered is counted. Where signals can say the same, the results are the fast engine's, bit for bit.
 */
import { EXIT_REASONS } from "../../protocol/backtest-result.ts";
import type { BacktestSettings } from "../../protocol/operations.ts";
import { Problem } from "../../protocol/problem.ts";
import type { BarColumns } from "../market-data/bars.ts";
import { DAY_MS } from "./calendar.ts";
import { EngineWarnings, type RefusalReason } from "./engine-warnings.ts";
import { type Side, stopFillPrice, targetFillPrice } from "./fill-price.ts";
import type { Lot, Order, OrderKind, OrderRequest } from "./order.ts";
import { OrderLog, type OrderReason, type OrderStatus } from "./order-log.ts";
import { FULL_FRACTION, floorDivide, orderCommission, unitsByRules } from "./position-size.ts";
import { type ExitReason, TradeLog } from "./trade-log.ts";

export interface BrokerOptions {
  /** An order against the position closes it; with this it also opens the other side. True by default. */
  readonly reversal?: boolean;
  /** How many entries may be held at once on one side; no limit by default. */
  readonly pyramiding?: number;
}

export class Broker {
  readonly warnings = new EngineWarnings();
  readonly trades = new TradeLog();
  /** What became of every order. */
  readonly log = new OrderLog();
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
  /** Why the order that was executed last was refused; null when it was not. */
  private refusal: RefusalReason | null = null;
  private readonly bars: BarColumns;
  private readonly settings: BacktestSettings;
  private readonly reversal: boolean;
  private readonly pyramiding: number;

  constructor(bars: BarColumns, settings: BacktestSettings, options: BrokerOptions = {}) {
    this.bars = bars;
    this.settings = settings;
    this.cash = settings.initialCapital;
    this.equity = new Float64Array(bars.rows);
    this.reversal = options.reversal ?? true;
    this.pyramiding = options.pyramiding ?? Number.POSITIVE_INFINITY;
  }

  /** Units held; negative for a short, 0 while flat. */
  get size(): number {
    let size = 0;
    for (let index = 0; index < this.lots.length; index++) size += this.lots[index].size;
    return size;
  }

  /**
   * Places an order at the close of the present bar. Throws a `Problem` (`invalid-strategy`) for one that makes no sense.
   */
  place(side: Side, request: OrderRequest, closes = 0): Order {
    checkRequest(request);
    const kind = kindOf(request);
    const { units = Number.NaN, limit = Number.NaN, stop = Number.NaN } = request;
    const id = this.log.place(side, kind, this.bar, units, limit, stop) + 1;
    const order = { id, side, kind, request, placedBar: this.bar, closes };
    this.orders.push(order);
    return order;
  }

  /** A market order that closes `portion` (above 0, at most 1) of what is held then; nothing while flat. */
  close(portion = 1): void {
    if (!(portion > 0 && portion <= 1)) {
      throw new Problem("invalid-strategy", `close(${portion}) is no part of a position.`, {
        cure: "Give a fraction above 0 and at most 1.",
      });
    }
    if (this.lots.length > 0) this.place(this.lots[0].size > 0 ? -1 : 1, {}, portion);
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
    this.orders.splice(index, 1);
    return true;
  }

  /** Executes what waits against the bar, and marks the account at its close. */
  process(bar: number): void {
    this.bar = bar;
    if (this.orders.length > 0 || this.guardedLots > 0) this.executeBar(bar);
    const value = this.lots.length === 0 ? this.cash : this.valueAt(this.bars.close[bar]);
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
    let value = this.cash;
    for (let index = 0; index < this.lots.length; index++) {
      const lot = this.lots[index];
      value += lot.size * (price - lot.entryPrice);
    }
    return value;
  }

  private executeBar(bar: number): void {
    this.endTimedLots(bar);
    if (this.orders.length > 0) {
      this.executeMarketOrders(bar);
      this.endDayOrders(bar);
    }
    this.checkStops(bar);
    if (this.orders.length > 0) this.executeWaiting(bar);
    this.checkTargets(bar);
    this.trail(bar);
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
      this.orders.splice(index, 1);
      this.fill(order, price, fillBar, false);
      // The fill may have cancelled others before it.
      index = 0;
    }
  }

  private endDayOrders(bar: number): void {
    if (this.orders.length === 0) return;
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
      const { side } = order;
      const { limit = Number.NaN, stop = Number.NaN } = order.request;
      // To buy at a limit is, as prices go, what a short's target does; to buy at a stop is a short's stop.
      const opposite: Side = side === 1 ? -1 : 1;
      const price =
        order.kind === "limit"
          ? targetFillPrice(opposite, open, high, low, limit)
          : stopFillPrice(opposite, open, high, low, stop);
      if (Number.isNaN(price)) continue;
      if (order.kind === "stop_limit" && side * (price - limit) > 0) {
        const { stop: _reached, ...request } = order.request;
        this.orders[this.orders.indexOf(order)] = { ...order, kind: "limit", request };
        continue;
      }
      this.remove(order);
      this.fill(order, price, bar, price !== open);
    }
  }

  private fill(order: Order, price: number, bar: number, isInside: boolean): void {
    const { cancelGroup } = order.request;
    if (cancelGroup !== undefined) {
      for (const other of this.orders.filter(({ request }) => request.cancelGroup === cancelGroup)) {
        this.end(other, "cancelled", "group_filled");
      }
    }
    this.refusal = null;
    const units = this.execute(order, price, bar, isInside);
    const row = order.id - 1;
    if (units > 0)
      this.log.end(row, "filled", "signal", bar, units, price * (1 + order.side * this.settings.slippageRate));
    else if (this.refusal !== null) this.log.end(row, "refused", this.refusal, bar);
    else this.log.end(row, "cancelled", "position_closed", bar);
  }

  /** Answers the units that changed hands. */
  private execute(order: Order, price: number, bar: number, isInside: boolean): number {
    const held = this.size;
    const heldUnits = Math.abs(held);
    if (order.closes > 0) {
      if (held * order.side < 0) this.reduce(heldUnits * order.closes, order.closes === 1, price, bar);
      return heldUnits - Math.abs(this.size);
    }
    const { units } = order.request;
    if (held * order.side >= 0) return this.enter(order, price, bar, isInside, units);
    if (units === undefined) this.closeAll(price, bar, "signal");
    else this.reduce(units, units >= heldUnits, price, bar);
    const closed = heldUnits - Math.abs(this.size);
    if (!this.reversal || (units !== undefined && units <= heldUnits)) return closed;
    return closed + this.enter(order, price, bar, isInside, units === undefined ? undefined : units - heldUnits);
  }

  /** Answers the units that were taken. */
  private enter(order: Order, price: number, bar: number, isInside: boolean, units: number | undefined): number {
    const { side, request } = order;
    const { slippageRate, spreadRate } = this.settings;
    const fillPrice = price * (1 + side * slippageRate);
    const entryPrice = fillPrice * (1 + side * spreadRate);
    const affordable = this.affordableUnits(request.size ?? 1, price, fillPrice, entryPrice);
    const taken = units === undefined ? affordable : this.checkedUnits(units, price, fillPrice, entryPrice);
    if (taken === 0) {
      this.refuse(this.refusalOfEntry(units, price, fillPrice, entryPrice));
      return 0;
    }
    if (this.lots.length >= this.pyramiding) {
      this.refuse("pyramiding");
      return 0;
    }
    const entryFee = this.commission(taken, entryPrice);
    this.cash -= entryFee;
    const lot: Lot = {
      size: side * taken,
      entryPrice,
      entryBar: bar,
      entryFee,
      stop: levelOf(request.stopLoss, -side, entryPrice),
      target: levelOf(request.takeProfit, side, entryPrice),
      trailingFraction: request.trailingStop ?? 0,
      isTrailed: false,
      best: entryPrice,
      lastBar: request.maxBars === undefined ? Number.POSITIVE_INFINITY : bar + request.maxBars,
      openedInside: isInside,
    };
    this.lots.push(lot);
    if (isGuarded(lot)) this.guardedLots++;
    if (lot.trailingFraction > 0) follow(lot);
    if (isInside) this.stopInside(lot, bar);
    return taken;
  }

  private refuse(reason: RefusalReason): void {
    this.warnings.refusals[reason]++;
    this.refusal = reason;
  }

  /** Why an entry came to nothing; with `units` it asked for so many. */
  private refusalOfEntry(
    units: number | undefined,
    price: number,
    fillPrice: number,
    entryPrice: number,
  ): RefusalReason {
    if (units !== undefined && this.tradable(units) === 0) return "below_lot";
    if (units === undefined && this.affordableUnits(1, price, fillPrice, entryPrice) > 0) return "below_lot";
    return this.lots.length > 0 || this.settings.margin < 1 ? "margin" : "no_cash";
  }

  /** The rest of the bar may have gone either way: against the position is assumed. */
  private stopInside(lot: Lot, bar: number): void {
    const isReached = lot.size > 0 ? this.bars.low[bar] <= lot.stop : this.bars.high[bar] >= lot.stop;
    if (!isReached) return;
    this.warnings.ambiguousBars++;
    this.closeLot(lot, lot.stop, bar, lot.isTrailed ? "trailing_stop" : "stop_loss");
  }

  /** Units that `fraction` of the free equity pays; the arithmetic is `runBacktest`'s. */
  private affordableUnits(size: number, price: number, fillPrice: number, entryPrice: number): number {
    const { commissionFixed, commissionRate, commissionPerUnit, margin } = this.settings;
    const fraction = size === 1 ? FULL_FRACTION : size;
    const unitCommission = (commissionFixed + fraction * fillPrice * commissionRate) / fraction + commissionPerUnit;
    const buyingPower = Math.max(0, this.freeEquity(price)) * (1 / margin) * fraction;
    return unitsByRules(buyingPower, entryPrice + unitCommission, this.settings);
  }

  /** `units` as the settings allow them, or 0 when the free equity does not carry them. */
  private checkedUnits(units: number, price: number, fillPrice: number, entryPrice: number): number {
    const whole = this.tradable(units);
    return whole <= this.affordableUnits(1, price, fillPrice, entryPrice) ? whole : 0;
  }

  /** Rounded down to what the settings let one trade. */
  private tradable(units: number): number {
    const { fractionalUnits, lotSize } = this.settings;
    if (lotSize > 0) return floorDivide(units, lotSize) * lotSize;
    return fractionalUnits ? units : Math.floor(units);
  }

  /** What no position binds, money. */
  private freeEquity(price: number): number {
    if (this.lots.length === 0) return this.cash;
    return this.valueAt(price) - Math.abs(this.size) * price * this.settings.margin;
  }

  private checkLevels(bar: number): void {
    this.checkStops(bar);
    this.checkTargets(bar);
  }

  private checkStops(bar: number): void {
    if (this.lots.length === 0) return;
    const [open, high, low] = [this.bars.open[bar], this.bars.high[bar], this.bars.low[bar]];
    for (let index = this.lots.length - 1; index >= 0; index--) this.lots[index].openedInside = false;
    for (let index = 0; index < this.lots.length; ) {
      const lot = this.lots[index];
      const side: Side = lot.size > 0 ? 1 : -1;
      const price = stopFillPrice(side, open, high, low, lot.stop);
      if (Number.isNaN(price)) {
        index++;
        continue;
      }
      if (!Number.isNaN(targetFillPrice(side, open, high, low, lot.target))) this.warnings.ambiguousBars++;
      this.closeLot(lot, price, bar, lot.isTrailed ? "trailing_stop" : "stop_loss");
    }
  }

  private checkTargets(bar: number): void {
    if (this.lots.length === 0) return;
    const [open, high, low] = [this.bars.open[bar], this.bars.high[bar], this.bars.low[bar]];
    for (let index = 0; index < this.lots.length; ) {
      const lot = this.lots[index];
      const price = targetFillPrice(lot.size > 0 ? 1 : -1, open, high, low, lot.target);
      if (lot.openedInside || Number.isNaN(price)) index++;
      else this.closeLot(lot, price, bar, "take_profit");
    }
  }

  private trail(bar: number): void {
    for (let index = 0; index < this.lots.length; index++) {
      const lot = this.lots[index];
      // Of the bar that it was opened in, nobody knows which part came after.
      if (lot.trailingFraction === 0 || lot.openedInside) continue;
      lot.best = lot.size > 0 ? Math.max(lot.best, this.bars.high[bar]) : Math.min(lot.best, this.bars.low[bar]);
      follow(lot);
    }
  }

  private closeAll(price: number, bar: number, reason: ExitReason): void {
    for (const lot of [...this.lots]) this.closeLot(lot, price, bar, reason);
  }

  /** Takes `units` off, oldest lots first; `all` leaves nothing to rounding. */
  private reduce(units: number, all: boolean, price: number, bar: number): void {
    if (all) {
      this.closeAll(price, bar, "signal");
      return;
    }
    let left = this.tradable(units);
    if (left === 0) this.refuse("below_lot");
    while (left > 0 && this.lots.length > 0) {
      const lot = this.lots[0];
      const part = Math.min(left, Math.abs(lot.size));
      left -= part;
      if (part === Math.abs(lot.size)) this.closeLot(lot, price, bar, "signal");
      else this.closePart(lot, part, price, bar);
    }
  }

  private closePart(lot: Lot, units: number, price: number, bar: number): void {
    const side = lot.size > 0 ? 1 : -1;
    const entryFee = lot.entryFee * (units / Math.abs(lot.size));
    this.record({ ...lot, size: side * units, entryFee }, price, bar, "signal");
    lot.size -= side * units;
    lot.entryFee -= entryFee;
  }

  private closeLot(lot: Lot, price: number, bar: number, reason: ExitReason): void {
    this.lots.splice(this.lots.indexOf(lot), 1);
    if (isGuarded(lot)) this.guardedLots--;
    this.record(lot, price, bar, reason);
  }

  private record(lot: Lot, price: number, bar: number, reason: ExitReason): void {
    const { size, entryPrice } = lot;
    const side = size > 0 ? 1 : -1;
    const exitPrice = price * (1 - side * this.settings.slippageRate);
    const exitFee = this.commission(Math.abs(size), exitPrice);
    const commission = exitFee + lot.entryFee;
    const gross = size * (exitPrice - entryPrice);
    this.cash += gross - exitFee;
    const { trades } = this;
    const row = trades.append();
    trades.size[row] = size;
    trades.entryBar[row] = lot.entryBar;
    trades.exitBar[row] = bar;
    trades.entryPrice[row] = entryPrice;
    trades.exitPrice[row] = exitPrice;
    trades.pnl[row] = gross - commission;
    trades.commission[row] = commission;
    trades.returnFraction[row] = side * (exitPrice / entryPrice - 1) - commission / (Math.abs(size) * entryPrice);
    trades.stopLoss[row] = Number.isFinite(lot.stop) ? lot.stop : Number.NaN;
    trades.takeProfit[row] = Number.isFinite(lot.target) ? lot.target : Number.NaN;
    trades.exitReason[row] = EXIT_REASONS.indexOf(reason);
  }

  private ruin(bar: number): void {
    this.closeAll(this.bars.close[bar], bar, "ruin");
    for (const order of this.orders) this.log.end(order.id - 1, "cancelled", "ruin", bar);
    this.orders.length = 0;
    this.cash = 0;
    this.equity.fill(0, bar);
    this.isRuined = true;
    this.warnings.ruined = true;
  }

  private commission(units: number, price: number): number {
    return orderCommission(this.settings, units, price);
  }
}

function kindOf({ limit, stop }: OrderRequest): OrderKind {
  if (stop === undefined) return limit === undefined ? "market" : "limit";
  return limit === undefined ? "stop" : "stop_limit";
}

/** `direction` 1 above the entry, -1 below it. */
function levelOf(level: OrderRequest["stopLoss"], direction: number, entryPrice: number): number {
  if (level === undefined) return direction * Number.POSITIVE_INFINITY;
  return typeof level === "number" ? level : entryPrice * (1 + direction * level.fraction);
}

function isGuarded({ stop, target, trailingFraction, lastBar }: Lot): boolean {
  return Number.isFinite(stop) || Number.isFinite(target) || trailingFraction > 0 || Number.isFinite(lastBar);
}

/** The trailing stop never moves back, and never loosens a plain stop. */
function follow(lot: Lot): void {
  const level = lot.best * (1 - Math.sign(lot.size) * lot.trailingFraction);
  if (lot.size > 0 ? level <= lot.stop : level >= lot.stop) return;
  lot.stop = level;
  lot.isTrailed = true;
}

const POSITIVE_FIELDS = ["units", "size", "limit", "stop", "trailingStop", "maxBars"] as const;

function checkRequest(request: OrderRequest): void {
  for (const field of POSITIVE_FIELDS) {
    const value = request[field];
    if (value === undefined || (value > 0 && Number.isFinite(value))) continue;
    throw new Problem("invalid-strategy", `An order has ${field} ${value}.`, { cure: "Give a positive number." });
  }
  if ((request.size ?? 1) > 1 || (request.trailingStop ?? 0) >= 1) {
    throw new Problem("invalid-strategy", "An order's size or trailing stop is above the whole.", {
      cure: "Give fractions: 0.5 is half.",
    });
  }
}
