/**
 * @file One cash account that holds positions in many symbols.
 *
 * `cash` is what is left when every position is closed without a profit: capital, plus what closed trades made, minus
 * commissions, plus dividends; equity is cash + Σ units · (mark − cost). What a position's value takes of it is margin:
 * free equity is equity − margin · Σ |units| · mark, and entries use no more than that. Costs, marks and profits are
 * account money; prices are in the symbol's own currency, times the rate of the moment. Formulas of fills and sizes are
 * those of the engine for one symbol (`../backtest/engine.ts`), to the bit.
 */

import type { BacktestSettings } from "../../protocol/operations/index.ts";
import type { PortfolioExitReason, PortfolioRefusal } from "../../protocol/portfolio-result.ts";
import type { Side } from "../backtest/engine/fill-price.ts";
import { FULL_FRACTION, orderCommission, unitsByRules } from "../backtest/engine/position-size.ts";
import type { ProtectiveLevel } from "../strategy/signals.ts";
import type { PortfolioPlan, PortfolioSymbol, PortfolioTrade } from "./portfolio-model.ts";

/** Where something trades. */
export interface Quote {
  /** In the symbol's currency, before slippage and spread. */
  readonly price: number;
  /** Account money for one of the symbol's currency. */
  readonly rate: number;
  /** The moment that a trade tells. */
  readonly moment: number;
}

export class PortfolioAccount {
  cash: number;
  readonly trades: PortfolioTrade[] = [];
  /** Slots with a position, ascending. */
  readonly held: number[] = [];
  reducedEntries = 0;

  /** By slot. Units; negative for a short, 0 without a position. */
  readonly size: Float64Array;
  readonly entryMoment: Int32Array;
  readonly entryPrice: Float64Array;
  /** Account money for a unit, when it was bought and now. */
  readonly cost: Float64Array;
  readonly mark: Float64Array;
  /** Commission of entries that no trade has carried yet, and dividends likewise. */
  readonly entryFee: Float64Array;
  readonly dividends: Float64Array;
  /** Levels that are never reached stand at the infinite end of their side. */
  readonly stop: Float64Array;
  readonly target: Float64Array;

  private readonly symbols: readonly PortfolioSymbol[];
  private readonly settings: BacktestSettings;
  private readonly plan: PortfolioPlan;
  private readonly leverage: number;

  constructor(symbols: readonly PortfolioSymbol[], settings: BacktestSettings, plan: PortfolioPlan) {
    this.symbols = symbols;
    this.settings = settings;
    this.plan = plan;
    this.leverage = 1 / settings.margin;
    this.cash = settings.initialCapital;
    const column = () => new Float64Array(symbols.length);
    this.size = column();
    this.entryMoment = new Int32Array(symbols.length);
    this.entryPrice = column();
    this.cost = column();
    this.mark = column();
    this.entryFee = column();
    this.dividends = column();
    this.stop = column();
    this.target = column();
  }

  equity(): number {
    let value = this.cash;
    for (const slot of this.held) value += this.size[slot] * (this.mark[slot] - this.cost[slot]);
    return value;
  }

  /** Σ |value| of what is held. */
  gross(): number {
    let value = 0;
    for (const slot of this.held) value += Math.abs(this.size[slot]) * this.mark[slot];
    return value;
  }

  free(): number {
    return this.equity() - this.settings.margin * this.gross();
  }

  side(slot: number): Side {
    return this.size[slot] > 0 ? 1 : -1;
  }

  isProtected(slot: number): boolean {
    return Number.isFinite(this.stop[slot]) || Number.isFinite(this.target[slot]);
  }

  /**
   * Opens a position with `share` of `equity`, or with what is free when that is less; null, or why there is none.
   * `signalClose` is what levels are measured from.
   */
  open(
    slot: number,
    side: Side,
    quote: Quote,
    share: number,
    equity: number,
    signalClose: number,
  ): PortfolioRefusal | null {
    const { signals } = this.symbols[slot];
    const entryPrice = this.entryPriceOf(side, quote.price);
    const cost = entryPrice * quote.rate;
    const units = this.unitsToOpen(slot, cost, this.slipped(side, quote.price) * quote.rate, share, equity);
    if (typeof units === "string") return units;
    this.size[slot] = side * units;
    this.entryMoment[slot] = quote.moment;
    this.entryPrice[slot] = entryPrice;
    this.cost[slot] = cost;
    this.mark[slot] = quote.price * quote.rate;
    this.dividends[slot] = 0;
    this.stop[slot] = levelPrice(signals.stopLoss, -side as Side, signalClose, entryPrice);
    this.target[slot] = levelPrice(signals.takeProfit, side, signalClose, entryPrice);
    this.payEntry(slot, units, cost, 0);
    insert(this.held, slot);
    return null;
  }

  private unitsToOpen(
    slot: number,
    cost: number,
    fillValue: number,
    share: number,
    equity: number,
  ): number | PortfolioRefusal {
    const { commissionFixed, commissionRate, commissionPerUnit } = this.settings;
    const fraction = this.fractionOf(slot);
    // The fixed part is spread over the fraction, as in the engine for one symbol.
    const unitCost = cost + ((commissionFixed + fraction * fillValue * commissionRate) / fraction + commissionPerUnit);
    const whole = Math.max(0, equity) * this.leverage;
    const wanted = whole * fraction * Math.min(share, this.plan.maxWeight);
    const free = Math.max(0, this.free()) * this.leverage * Math.max(FULL_FRACTION, fraction);
    const units = unitsByRules(Math.min(wanted, free), unitCost, this.settings);
    const unitsWanted = free < wanted ? unitsByRules(wanted, unitCost, this.settings) : units;
    if (units > 0) {
      if (units < unitsWanted) this.reducedEntries++;
      return units;
    }
    return unitsWanted === 0 && unitsByRules(whole, unitCost, this.settings) > 0 ? "below_lot" : "no_cash";
  }

  /** Closes the position, or `units` of it. */
  close(slot: number, quote: Quote, exitReason: PortfolioExitReason, units = Math.abs(this.size[slot])): void {
    const side = this.side(slot);
    const held = Math.abs(this.size[slot]);
    const isWhole = units === held;
    const cost = this.cost[slot];
    const exitPrice = this.slipped(-side as Side, quote.price);
    const proceeds = exitPrice * quote.rate;
    const exitFee = orderCommission(this.settings, units, proceeds);
    const entryFee = isWhole ? this.entryFee[slot] : this.entryFee[slot] * (units / held);
    const dividends = isWhole ? this.dividends[slot] : this.dividends[slot] * (units / held);
    const commission = exitFee + entryFee;
    const gross = side * units * (proceeds - cost);
    const basis = units * cost;
    this.cash += gross - exitFee;
    this.trades.push({
      slot,
      size: side * units,
      entryMoment: this.entryMoment[slot],
      exitMoment: quote.moment,
      entryPrice: this.entryPrice[slot],
      exitPrice,
      pnl: dividends === 0 ? gross - commission : gross - commission + dividends,
      commission,
      dividends,
      returnFraction: side * (proceeds / cost - 1) - (commission - dividends) / basis,
      stopLoss: finiteOrNaN(this.stop[slot]),
      takeProfit: finiteOrNaN(this.target[slot]),
      exitReason,
    });
    this.entryFee[slot] -= entryFee;
    this.dividends[slot] -= dividends;
    this.size[slot] = isWhole ? 0 : this.size[slot] - side * units;
    if (isWhole) this.held.splice(this.held.indexOf(slot), 1);
  }

  /** Brings a position towards `share` of `equity`, by whole lots; what is free bounds an increase. */
  resize(slot: number, quote: Quote, share: number, equity: number, isIncrease: boolean): void {
    const held = Math.abs(this.size[slot]);
    const price = quote.price * quote.rate;
    const wanted = Math.max(0, equity) * this.leverage * this.fractionOf(slot) * Math.min(share, this.plan.maxWeight);
    const band = (this.plan.rebalance?.band ?? 0) * Math.max(0, equity) * this.leverage;
    const change = unitsByRules(wanted, price, { ...this.settings, commissionMinimum: 0 }) - held;
    if (Math.abs(change) * price < band || change > 0 !== isIncrease) return;
    if (!isIncrease) {
      if (change < 0) this.close(slot, quote, "rebalance", Math.min(held, -change));
      return;
    }
    const side = this.side(slot);
    const entryPrice = this.entryPriceOf(side, quote.price);
    const units = Math.min(change, this.affordableUnits(entryPrice * quote.rate));
    if (units > 0) this.grow(slot, side, units, entryPrice, entryPrice * quote.rate);
  }

  private affordableUnits(cost: number): number {
    const { commissionFixed, commissionRate, commissionPerUnit } = this.settings;
    const power = Math.max(0, this.free()) * this.leverage * FULL_FRACTION - commissionFixed;
    return unitsByRules(power, cost * (1 + commissionRate) + commissionPerUnit, this.settings);
  }

  private grow(slot: number, side: Side, units: number, entryPrice: number, cost: number): void {
    const held = Math.abs(this.size[slot]);
    const average = (before: number, added: number) => before + (added - before) * (units / (held + units));
    this.entryPrice[slot] = average(this.entryPrice[slot], entryPrice);
    this.cost[slot] = average(this.cost[slot], cost);
    this.size[slot] += side * units;
    this.payEntry(slot, units, cost, this.entryFee[slot]);
  }

  private payEntry(slot: number, units: number, cost: number, before: number): void {
    const fee = orderCommission(this.settings, units, cost);
    this.cash -= fee;
    this.entryFee[slot] = before + fee;
  }

  /** A position in `ratio` times as many units at that part of the price. */
  split(slot: number, ratio: number): void {
    this.size[slot] *= ratio;
    for (const column of [this.entryPrice, this.cost, this.mark, this.stop, this.target]) column[slot] /= ratio;
  }

  /** Account money for a unit: a long position gets it, a short one pays it. */
  payDividend(slot: number, perUnit: number): void {
    const money = this.size[slot] * perUnit;
    this.cash += money;
    this.dividends[slot] += money;
  }

  /** The strategy's `size`, which shares are fractions of. */
  private fractionOf(slot: number): number {
    const { sizeFraction } = this.symbols[slot].signals;
    return sizeFraction === 1 ? FULL_FRACTION : sizeFraction;
  }

  private slipped(side: Side, price: number): number {
    return price * (1 + side * this.settings.slippageRate);
  }

  private entryPriceOf(side: Side, price: number): number {
    return this.slipped(side, price) * (1 + side * this.settings.spreadRate);
  }
}

/** `direction` 1 above the reference, -1 below it; its infinite end without a level. */
function levelPrice(level: ProtectiveLevel | null, direction: Side, signalClose: number, entryPrice: number): number {
  if (level === null) return direction * Number.POSITIVE_INFINITY;
  return (level.from === "fill" ? entryPrice : signalClose) * (1 + direction * level.fraction);
}

function finiteOrNaN(value: number): number {
  return Number.isFinite(value) ? value : Number.NaN;
}

function insert(ascending: number[], value: number): void {
  let at = ascending.length;
  while (at > 0 && ascending[at - 1] > value) at--;
  ascending.splice(at, 0, value);
}
