/**
 * @file The slow, obvious backtest engine, for checking the fast one: one bar after the other, an order queue, objects.
 *
 * It shares nothing with `engine.ts` but the settings, so that a mistake in one of them shows. No production code uses it.
 */
import type { BacktestSettings } from "../../protocol/operations.ts";
import type { BarColumns } from "../market-data/bars.ts";
import type { ProtectiveLevel, StrategySignals } from "../strategy/signals.ts";

export interface ReferenceTrade {
  size: number;
  entryBar: number;
  exitBar: number;
  entryPrice: number;
  exitPrice: number;
  pnl: number;
  commission: number;
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
}

type Order = { kind: "exit"; reason: string } | { kind: "entry"; direction: number; signalClose: number };

export class ReferenceEngine {
  readonly trades: ReferenceTrade[] = [];
  readonly equity: number[] = [];
  cash: number;
  position: Position | null = null;
  refusedOrders = 0;
  private orders: Order[] = [];
  private isRuined = false;
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
    if (this.settings.finalizeTrades && !this.isRuined && rows > first) {
      if (this.position !== null && !this.orders.some((order) => order.kind === "exit")) {
        this.orders.unshift({ kind: "exit", reason: "end_of_data" });
      }
      this.processBar(rows - 1);
    }
    return this;
  }

  private processBar(bar: number): void {
    const { open, close } = this.bars;
    const atClose = this.settings.fillAt === "close";
    for (const order of this.orders) {
      const price = atClose ? close[bar - 1] : open[bar];
      const fillBar = atClose ? bar - 1 : bar;
      if (order.kind === "exit") this.close(price, fillBar, order.reason);
      else this.enter(order.direction, order.signalClose, price, fillBar);
    }
    this.orders = [];
    this.checkLevels(bar);
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
    const signalClose = this.bars.close[bar];
    const buy: Order = { kind: "entry", direction: 1, signalClose };
    const sell: Order = { kind: "entry", direction: -1, signalClose };
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

  private enter(direction: number, signalClose: number, price: number, bar: number): void {
    const { slippageRate, spreadRate, commissionFixed, commissionRate, margin, fractionalUnits } = this.settings;
    const { commissionPerUnit, commissionMinimum, lotSize } = this.settings;
    const fraction = this.signals.sizeFraction === 1 ? 1 - 2 ** -52 : this.signals.sizeFraction;
    const slipped = price * (1 + direction * slippageRate);
    const entryPrice = slipped * (1 + direction * spreadRate);
    const lot = lotSize === 0 ? 1 : lotSize;
    const perUnit = (commissionFixed + fraction * slipped * commissionRate) / fraction + commissionPerUnit;
    const cost = (entryPrice + perUnit) * lot;
    const money = Math.max(0, this.cash) * (1 / margin) * fraction;
    const affordable = (budget: number) => {
      let lots = Math.max(0, budget) / cost;
      if (!fractionalUnits || lotSize > 0) {
        lots = Math.round(lots);
        while (lots > 0 && lots * cost > budget) lots--;
        while ((lots + 1) * cost <= budget) lots++;
      }
      return lots * lot;
    };
    const units = Math.min(affordable(money), affordable(money - commissionMinimum));
    if (units <= 0) {
      this.refusedOrders++;
      return;
    }
    const level = (rule: ProtectiveLevel | null, sign: number) =>
      rule === null ? null : (rule.from === "fill" ? entryPrice : signalClose) * (1 + sign * rule.fraction);
    this.position = {
      size: direction * units,
      entryBar: bar,
      entryPrice,
      stopLoss: level(this.signals.stopLoss, -direction),
      takeProfit: level(this.signals.takeProfit, direction),
    };
    this.cash -= this.commission(units, entryPrice);
  }

  private checkLevels(bar: number): void {
    if (this.position === null) return;
    const { size, stopLoss, takeProfit } = this.position;
    const [open, high, low] = [this.bars.open[bar], this.bars.high[bar], this.bars.low[bar]];
    if (size > 0) {
      if (stopLoss !== null && low <= stopLoss) this.close(Math.min(open, stopLoss), bar, "stop_loss");
      else if (takeProfit !== null && high >= takeProfit) this.close(Math.max(open, takeProfit), bar, "take_profit");
    } else {
      if (stopLoss !== null && high >= stopLoss) this.close(Math.max(open, stopLoss), bar, "stop_loss");
      else if (takeProfit !== null && low <= takeProfit) this.close(Math.min(open, takeProfit), bar, "take_profit");
    }
  }

  private close(price: number, bar: number, exitReason: string): void {
    if (this.position === null) return;
    const { size, entryPrice, entryBar, stopLoss, takeProfit } = this.position;
    const direction = Math.sign(size);
    const exitPrice = price * (1 - direction * this.settings.slippageRate);
    const exitCommission = this.commission(Math.abs(size), exitPrice);
    const commission = exitCommission + this.commission(Math.abs(size), entryPrice);
    const gross = size * (exitPrice - entryPrice);
    const returnFraction = direction * (exitPrice / entryPrice - 1) - commission / (Math.abs(size) * entryPrice);
    this.cash += gross - exitCommission;
    this.position = null;
    this.trades.push({
      size,
      entryBar,
      exitBar: bar,
      entryPrice,
      exitPrice,
      pnl: gross - commission,
      commission,
      returnPercent: returnFraction * 100,
      stopLoss,
      takeProfit,
      exitReason,
    });
  }

  private openProfit(price: number): number {
    return this.position === null ? 0 : this.position.size * (price - this.position.entryPrice);
  }

  private commission(units: number, price: number): number {
    const { commissionFixed, commissionRate, commissionPerUnit, commissionMinimum } = this.settings;
    return Math.max(commissionMinimum, commissionFixed + units * price * commissionRate + units * commissionPerUnit);
  }
}
