/**
 * @file The slow, obvious backtest engine, for checking the fast one: one bar after the other, an order queue, objects.
 *
 * It shares nothing with `engine.ts` but the settings, so that a mistake in one of them shows. No production code uses it.
 */
import { DAY_MS } from "../../../protocol/durations.ts";
import type { BacktestSettings } from "../../../protocol/operations/index.ts";
import type { BarColumns } from "../../market-data/bars.ts";
import type { ProtectiveLevel, StrategySignals } from "../../strategy/signals.ts";
import {
  commissionOf,
  holdingCostOf,
  liquidationOf,
  moved,
  onTick,
  type ReferenceDemand,
  unitsOf,
} from "./arithmetic.ts";

export interface ReferenceTrade {
  size: number;
  entryBar: number;
  exitBar: number;
  entryPrice: number;
  exitPrice: number;
  pnl: number;
  commission: number;
  holdingCost: number;
  returnPercent: number;
  stopLoss: number | null;
  takeProfit: number | null;
  exitReason: string;
}

interface Position {
  size: number;
  entryBar: number;
  entryPrice: number;
  stopLoss: number | null;
  takeProfit: number | null;
  openedBar: number;
  holdingCost: number;
}

type Entry = { kind: "entry"; direction: number; signalBar: number };
type Order = { kind: "exit"; reason: string } | Entry;

export class ReferenceEngine {
  readonly trades: ReferenceTrade[] = [];
  readonly equity: number[] = [];
  cash: number;
  position: Position | null = null;
  refusedOrders = 0;
  liquidations = 0;
  ambiguous = 0;
  private orders: Order[] = [];
  private isRuined = false;
  private lastMarked = -1;
  private readonly bars: BarColumns;
  private readonly signals: StrategySignals;
  private readonly settings: BacktestSettings;

  constructor(bars: BarColumns, signals: StrategySignals, settings: BacktestSettings) {
    this.bars = bars;
    this.signals = signals;
    this.settings = settings;
    this.cash = settings.initialCapital;
  }

  run(): this {
    const { rows } = this.bars;
    const first = this.signals.warmupBars + 1;
    for (let bar = 0; bar < rows; bar++) {
      if (this.isRuined) this.equity[bar] = 0;
      else if (bar < first) this.equity[bar] = this.cash;
      else {
        this.processBar(bar);
        if (!this.isRuined) this.decide(bar);
      }
    }
    if (this.settings.finalizeTrades && !this.isRuined && rows > first) this.end(rows - 1);
    return this;
  }

  private end(last: number): void {
    if (this.settings.lastBar === "replay") {
      if (this.position !== null && !this.orders.some((order) => order.kind === "exit")) {
        this.orders.unshift({ kind: "exit", reason: "end_of_data" });
      }
      this.processBar(last);
      return;
    }
    this.close(this.bars.close[last], last, "end_of_data");
    this.mark(last);
  }

  private processBar(bar: number): void {
    const { open, close } = this.bars;
    const atClose = this.settings.fillAt === "close";
    const isNew = this.lastMarked < bar;
    this.lastMarked = bar;
    if (isNew && !atClose) this.payHolding(bar);
    for (const order of this.orders) {
      const price = atClose ? close[bar - 1] : open[bar];
      const fillBar = atClose ? bar - 1 : bar;
      if (order.kind === "exit") this.close(price, fillBar, order.reason);
      else this.enter(order.direction, order, price, fillBar, bar);
    }
    this.orders = [];
    if (isNew && atClose) this.payHolding(bar);
    this.checkLevels(bar);
    this.mark(bar);
  }

  private mark(bar: number): void {
    const { close } = this.bars;
    this.equity[bar] = this.cash + this.openProfit(close[bar]);
    if (this.equity[bar] <= 0) {
      if (this.position !== null) this.close(close[bar], bar, "ruin");
      this.cash = 0;
      this.equity[bar] = 0;
      this.isRuined = true;
    }
  }

  private decide(bar: number): void {
    const { entryLong, entryShort, exitLong, exitShort, reverse } = this.signals;
    const buy: Order = { kind: "entry", direction: 1, signalBar: bar };
    const sell: Order = { kind: "entry", direction: -1, signalBar: bar };
    const exit: Order = { kind: "exit", reason: "signal" };
    if (this.position === null) {
      if (entryLong[bar]) this.orders.push(buy);
      else if (entryShort[bar]) this.orders.push(sell);
    } else if (this.position.size > 0) {
      if (exitLong[bar] || (reverse && entryShort[bar])) this.orders.push(exit);
      if (reverse && entryShort[bar]) this.orders.push(sell);
    } else {
      if (exitShort[bar] || (reverse && entryLong[bar])) this.orders.push(exit);
      if (reverse && entryLong[bar]) this.orders.push(buy);
    }
  }

  /** Interest and borrowing fees for the time since the bar before, on the position held over it. */
  private payHolding(bar: number): void {
    if (this.position === null) return;
    const { size, entryPrice } = this.position;
    const elapsedMs = this.bars.timeMs[bar] - this.bars.timeMs[bar - 1];
    const owed = size * entryPrice - this.cash;
    const cost = holdingCostOf(this.settings, size, owed, this.bars.close[bar - 1], elapsedMs);
    this.cash -= cost;
    this.position.holdingCost += cost;
  }

  private enter(direction: number, { signalBar }: Entry, price: number, bar: number, openedBar: number): void {
    const { slippageRate, spreadRate } = this.settings;
    const slipped = moved(price, direction, slippageRate);
    const entryPrice = onTick(this.settings, moved(slipped, direction, spreadRate), direction);
    const units = this.unitsFor(signalBar, slipped, entryPrice);
    if (!(units > 0)) {
      this.refusedOrders++;
      return;
    }
    const level = (rule: ProtectiveLevel | null, sign: number) => {
      if (rule === null) return null;
      const from = rule.from === "fill" ? entryPrice : this.bars.close[signalBar];
      return onTick(this.settings, moved(from, sign, rule.fraction), sign);
    };
    this.position = {
      size: direction * units,
      entryBar: bar,
      entryPrice,
      stopLoss: level(this.signals.stopLoss, -direction),
      takeProfit: level(this.signals.takeProfit, direction),
      openedBar,
      holdingCost: 0,
    };
    this.cash -= commissionOf(this.settings, units, entryPrice, false);
  }

  private unitsFor(signalBar: number, slipped: number, entry: number): number {
    const { sizing, sizeFraction } = this.signals;
    const { margin } = this.settings;
    const prices = { slipped, entry, isMaker: false };
    const bought = (demand: ReferenceDemand) => unitsOf(this.settings, demand, this.cash, prices);
    if (sizing === undefined) return bought({ fraction: sizeFraction });
    if (sizing.kind === "units") return bought({ fraction: 1, units: sizing.units });
    if (sizing.kind === "money") return bought({ fraction: 1, money: sizing.money });
    if (sizing.kind === "value") return bought({ fraction: Math.min(1, sizing.fraction * margin) });
    return bought({ fraction: Math.min(1, (sizing.target / this.volatility(signalBar, sizing.window)) * margin) });
  }

  private volatility(bar: number, window: number): number {
    const { close, timeMs } = this.bars;
    if (bar < window) return Number.NaN;
    const returns = Array.from({ length: window }, (_, index) => {
      const at = bar - window + 1 + index;
      return close[at] / close[at - 1] - 1;
    });
    const mean = returns.reduce((sum, value) => sum + value, 0) / window;
    const variance = returns.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (window - 1);
    const barsPerYear = (bar * 365.25 * DAY_MS) / (timeMs[bar] - timeMs[0]);
    return Math.sqrt(variance * barsPerYear);
  }

  private checkLevels(bar: number): void {
    if (this.position === null) return;
    const { size, entryPrice, stopLoss, takeProfit, openedBar } = this.position;
    const isLong = size > 0;
    const [open, high, low] = [this.bars.open[bar], this.bars.high[bar], this.bars.low[bar]];
    const call = liquidationOf(this.settings, size, size * entryPrice - this.cash);
    const isCalled = call !== null && (stopLoss === null || (isLong ? call > stopLoss : call < stopLoss));
    const loss = isCalled ? call : stopLoss;
    const lose = (fill: number) => {
      if (isCalled) this.liquidations++;
      this.close(fill, bar, isCalled ? "liquidation" : "stop_loss");
    };
    const win = (fill: number) => this.close(fill, bar, "take_profit", fill !== open || bar > openedBar);
    const isLoss = (price: number) => loss !== null && (isLong ? price <= loss : price >= loss);
    const isWin = (price: number) => takeProfit !== null && (isLong ? price >= takeProfit : price <= takeProfit);
    const [worst, best] = isLong ? [low, high] : [high, low];
    const openWins = isWin(open) && (this.settings.gappedTarget !== "stop" || !isLoss(worst));
    if (isLoss(open)) lose(open);
    else if (openWins) win(open);
    else if (isLoss(worst)) {
      const isUnclear = isWin(best) && !isWin(open);
      if (isUnclear) this.ambiguous++;
      if (isUnclear && this.leavesLess(this.moneyAt(takeProfit!, true), this.moneyAt(loss!, false))) win(takeProfit!);
      else lose(loss!);
    } else if (isWin(best)) win(isWin(open) ? open : takeProfit!);
  }

  /** The account after leaving at a level. */
  private moneyAt(level: number, isMaker: boolean): number {
    const { size, entryPrice } = this.position!;
    const direction = Math.sign(size);
    const price = onTick(this.settings, moved(level, -direction, this.settings.slippageRate), -direction);
    return this.cash + (size * (price - entryPrice) - commissionOf(this.settings, Math.abs(size), price, isMaker));
  }

  private leavesLess(one: number, other: number): boolean {
    return other - one > 1e-9 * Math.max(Math.abs(one), Math.abs(other));
  }

  private close(price: number, bar: number, exitReason: string, isMaker = false): void {
    if (this.position === null) return;
    const { size, entryPrice, entryBar, stopLoss, takeProfit, holdingCost } = this.position;
    const direction = Math.sign(size);
    const exitPrice = onTick(this.settings, moved(price, -direction, this.settings.slippageRate), -direction);
    const exitCommission = commissionOf(this.settings, Math.abs(size), exitPrice, isMaker);
    const commission = exitCommission + commissionOf(this.settings, Math.abs(size), entryPrice, false);
    const costs = commission + holdingCost;
    const gross = size * (exitPrice - entryPrice);
    const gain = direction * Math.sign(entryPrice) * (exitPrice / entryPrice - 1);
    const returnFraction = gain - costs / (Math.abs(size) * Math.abs(entryPrice));
    this.cash += gross - exitCommission;
    this.position = null;
    this.trades.push({
      size,
      entryBar,
      exitBar: bar,
      entryPrice,
      exitPrice,
      pnl: gross - costs,
      commission,
      holdingCost,
      returnPercent: returnFraction * 100,
      stopLoss,
      takeProfit,
      exitReason,
    });
  }

  private openProfit(price: number): number {
    return this.position === null ? 0 : this.position.size * (price - this.position.entryPrice);
  }
}
