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

const YEAR_MS = 365 * 24 * 3600 * 1000;

type Entry = { kind: "entry"; direction: number; signalBar: number };
type Order = { kind: "exit"; reason: string } | Entry;

export class ReferenceEngine {
  readonly trades: ReferenceTrade[] = [];
  readonly equity: number[] = [];
  cash: number;
  position: Position | null = null;
  refusedOrders = 0;
  liquidations = 0;
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
    if (this.lastMarked < bar) this.payHolding(bar);
    this.lastMarked = bar;
    for (const order of this.orders) {
      const price = atClose ? close[bar - 1] : open[bar];
      const fillBar = atClose ? bar - 1 : bar;
      if (order.kind === "exit") this.close(price, fillBar, order.reason);
      else this.enter(order.direction, order, price, fillBar, bar);
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

  /** Interest and borrowing fees for the time since the bar before, on what was held over it. */
  private payHolding(bar: number): void {
    if (this.position === null) return;
    const { size, entryPrice } = this.position;
    const { shortBorrowRate = 0, financingRate = 0 } = this.settings;
    const elapsedMs = this.bars.timeMs[bar] - this.bars.timeMs[bar - 1];
    const owed = size * entryPrice - this.cash;
    let cost = 0;
    if (size < 0) cost = -size * this.bars.close[bar - 1] * (shortBorrowRate / YEAR_MS) * elapsedMs;
    else if (owed > 0) cost = owed * (financingRate / YEAR_MS) * elapsedMs;
    this.cash -= cost;
    this.position.holdingCost += cost;
  }

  private enter(direction: number, { signalBar }: Entry, price: number, bar: number, openedBar: number): void {
    const { slippageRate, spreadRate } = this.settings;
    const slipped = price * (1 + direction * slippageRate);
    const entryPrice = this.onTick(slipped * (1 + direction * spreadRate), direction);
    const units = this.unitsFor(signalBar, slipped, entryPrice);
    if (!(units > 0)) {
      this.refusedOrders++;
      return;
    }
    const level = (rule: ProtectiveLevel | null, sign: number) => {
      if (rule === null) return null;
      const from = rule.from === "fill" ? entryPrice : this.bars.close[signalBar];
      return this.onTick(from * (1 + sign * rule.fraction), sign);
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
    this.cash -= this.commission(units, entryPrice, this.settings.commissionRate);
  }

  private unitsFor(signalBar: number, slipped: number, entryPrice: number): number {
    const { commissionFixed, commissionRate, commissionPerUnit, commissionMinimum } = this.settings;
    const { margin, fractionalUnits, lotSize } = this.settings;
    const { sizing, sizeFraction } = this.signals;
    const lot = lotSize === 0 ? 1 : lotSize;
    const inLots = (units: number) => {
      if (fractionalUnits && lotSize === 0) return units;
      let lots = Math.round(units / lot);
      while (lots > 0 && lots * lot > units) lots--;
      while ((lots + 1) * lot <= units) lots++;
      return lots * lot;
    };
    const paidBy = (money: number, fraction: number) => {
      const perUnit = (commissionFixed + fraction * slipped * commissionRate) / fraction + commissionPerUnit;
      const cost = (entryPrice + perUnit) * lot;
      const affordable = (budget: number) => {
        let lots = Math.max(0, budget) / cost;
        if (!fractionalUnits || lotSize > 0) {
          lots = Math.round(lots);
          while (lots > 0 && lots * cost > budget) lots--;
          while ((lots + 1) * cost <= budget) lots++;
        }
        return lots * lot;
      };
      return Math.min(affordable(money), affordable(money - commissionMinimum));
    };
    const power = Math.max(0, this.cash) * (1 / margin);
    const paidByFraction = (fraction: number) => {
      const part = fraction === 1 ? 1 - 2 ** -52 : fraction;
      return paidBy(power * part, part);
    };
    if (sizing === undefined) return paidByFraction(sizeFraction);
    const all = paidByFraction(1);
    if (sizing.kind === "units") return inLots(sizing.units) <= all ? inLots(sizing.units) : 0;
    if (sizing.kind === "money") return sizing.money > power ? 0 : Math.min(all, paidBy(sizing.money, 1 - 2 ** -52));
    const yearly = this.volatility(signalBar, sizing.window);
    if (Number.isNaN(yearly)) return 0;
    return paidByFraction(Math.min(1, (sizing.target / yearly) * margin));
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
    const barsPerYear = (bar * 365.25 * 24 * 3600 * 1000) / (timeMs[bar] - timeMs[0]);
    return Math.sqrt(variance * barsPerYear);
  }

  /** The price, or where there are ticks the nearest one in the direction. */
  private onTick(price: number, direction: number): number {
    const { tickSize } = this.settings;
    if (tickSize === undefined) return price;
    const inTicks = price / tickSize;
    let ticks = Math.round(inTicks);
    if (Math.abs(inTicks - ticks) > 1e-9 * Math.max(1, ticks))
      ticks = direction > 0 ? Math.ceil(inTicks) : Math.floor(inTicks);
    ticks = Math.max(1, ticks);
    const inverse = Math.round(1 / tickSize);
    return Math.abs(1 / tickSize - inverse) <= 1e-9 * inverse ? ticks / inverse : ticks * tickSize;
  }

  private checkLevels(bar: number): void {
    if (this.position === null) return;
    const { size, stopLoss, takeProfit, openedBar } = this.position;
    const [open, high, low] = [this.bars.open[bar], this.bars.high[bar], this.bars.low[bar]];
    const { commissionRate, makerCommissionRate = commissionRate } = this.settings;
    const limitRate = (fill: number) => (fill !== open || bar > openedBar ? makerCommissionRate : commissionRate);
    const call = this.liquidationPrice();
    const lose = (fill: number, reason: string) => {
      if (reason === "liquidation") this.liquidations++;
      this.close(fill, bar, reason);
    };
    if (size > 0) {
      const called = call !== null && (stopLoss === null || call > stopLoss);
      const loss = called ? call : stopLoss;
      if (loss !== null && low <= loss) lose(Math.min(open, loss), called ? "liquidation" : "stop_loss");
      else if (takeProfit !== null && high >= takeProfit) {
        const fill = Math.max(open, takeProfit);
        this.close(fill, bar, "take_profit", limitRate(fill));
      }
    } else {
      const called = call !== null && (stopLoss === null || call < stopLoss);
      const loss = called ? call : stopLoss;
      if (loss !== null && high >= loss) lose(Math.max(open, loss), called ? "liquidation" : "stop_loss");
      else if (takeProfit !== null && low <= takeProfit) {
        const fill = Math.min(open, takeProfit);
        this.close(fill, bar, "take_profit", limitRate(fill));
      }
    }
  }

  /** Where equity is the maintenance margin's fraction of the position's value; null where that is nowhere. */
  private liquidationPrice(): number | null {
    const { maintenanceMargin } = this.settings;
    if (maintenanceMargin === undefined || this.position === null) return null;
    const { size, entryPrice } = this.position;
    const owed = size * entryPrice - this.cash;
    if (size > 0) return owed > 0 ? owed / (size * (1 - maintenanceMargin)) : null;
    return owed / (size * (1 + maintenanceMargin));
  }

  private close(price: number, bar: number, exitReason: string, rate = this.settings.commissionRate): void {
    if (this.position === null) return;
    const { size, entryPrice, entryBar, stopLoss, takeProfit, holdingCost } = this.position;
    const direction = Math.sign(size);
    const exitPrice = this.onTick(price * (1 - direction * this.settings.slippageRate), -direction);
    const exitCommission = this.commission(Math.abs(size), exitPrice, rate);
    const commission = exitCommission + this.commission(Math.abs(size), entryPrice, this.settings.commissionRate);
    const costs = commission + holdingCost;
    const gross = size * (exitPrice - entryPrice);
    const returnFraction = direction * (exitPrice / entryPrice - 1) - costs / (Math.abs(size) * entryPrice);
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

  private commission(units: number, price: number, rate: number): number {
    const { commissionFixed, commissionPerUnit, commissionMinimum } = this.settings;
    const commission = commissionFixed + units * price * rate + units * commissionPerUnit;
    return commissionMinimum === 0 ? commission : Math.max(commissionMinimum, commission);
  }
}
