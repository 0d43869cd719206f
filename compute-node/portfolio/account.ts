/**
 * @file One cash account that holds positions in many symbols.
 *
 * `cash` is the money left when every position closes without a profit: capital, plus profits of closed trades, minus
 * commissions, plus dividends; equity is cash + Σ units · (mark − cost). A position binds a part of its value as
 * margin: free equity is equity − margin · Σ |units| · mark, and entries use no more than that. Costs, marks and
 * profits are account money; prices are in the symbol's own currency, times the rate of the moment. Fills, sizes, costs
 * and closings are those of every account (`../ledger`).
 */

import type { BacktestSettings } from "../../protocol/operations/index.ts";
import type { PortfolioExitReason, PortfolioRefusal } from "../../protocol/portfolio-result.ts";
import {
  type AccountModels,
  accountModels,
  buyingPower,
  freeEquity,
  Ledger,
  levelOrNaN,
  levelPrice,
  mostUnits,
  priceWithSpread,
  type Side,
  shareOf,
  slippedPrice,
  tradedPrice,
  valueUnits,
} from "../ledger/index.ts";
import type { ProtectiveLevel } from "../strategy/signals.ts";
import type { PortfolioPlan, PortfolioSymbol, PortfolioTrade } from "./portfolio-model.ts";

/** The price and time of a trade. */
export interface Quote {
  /** In the symbol's currency, before slippage and spread. */
  readonly price: number;
  /** Account money for one of the symbol's currency. */
  readonly rate: number;
  /** The moment that a trade records. */
  readonly moment: number;
}

export class PortfolioAccount {
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
  private readonly plan: PortfolioPlan;
  private readonly models: AccountModels;
  private readonly ledger: Ledger;

  constructor(symbols: readonly PortfolioSymbol[], settings: BacktestSettings, plan: PortfolioPlan) {
    this.symbols = symbols;
    this.plan = plan;
    this.models = accountModels(settings);
    this.ledger = new Ledger(settings.initialCapital, this.models.costs);
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

  get cash(): number {
    return this.ledger.cash;
  }

  equity(): number {
    let value = this.ledger.cash;
    for (const slot of this.held) value += this.size[slot] * (this.mark[slot] - this.cost[slot]);
    return value;
  }

  /** Σ |value| of the positions. */
  gross(): number {
    let value = 0;
    for (const slot of this.held) value += Math.abs(this.size[slot] * this.mark[slot]);
    return value;
  }

  free(): number {
    return freeEquity(this.models.margins, this.equity(), this.gross());
  }

  side(slot: number): Side {
    return this.size[slot] > 0 ? 1 : -1;
  }

  isProtected(slot: number): boolean {
    return Number.isFinite(this.stop[slot]) || Number.isFinite(this.target[slot]);
  }

  /**
   * Opens a position with `share` of `equity`, or with the free equity when that is less. Answers null, or the reason
   * for a refusal. Levels are measured from `signalClose`.
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
    const fillPrice = slippedPrice(this.models.fills, side, quote.price);
    const entryPrice = priceWithSpread(this.models.fills, side, fillPrice);
    const cost = entryPrice * quote.rate;
    const units = this.unitsToOpen(slot, cost, fillPrice * quote.rate, share, equity);
    if (typeof units === "string") return units;
    this.size[slot] = side * units;
    this.entryMoment[slot] = quote.moment;
    this.entryPrice[slot] = entryPrice;
    this.cost[slot] = cost;
    this.mark[slot] = quote.price * quote.rate;
    this.dividends[slot] = 0;
    this.stop[slot] = this.levelOf(signals.stopLoss, -side as Side, signalClose, entryPrice);
    this.target[slot] = this.levelOf(signals.takeProfit, side, signalClose, entryPrice);
    this.entryFee[slot] = this.payEntry(units, cost);
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
    const { models, plan } = this;
    if (cost === 0) return "no_cash";
    const { sizeFraction } = this.symbols[slot].signals;
    const prices = { fill: fillValue, entry: cost, rate: models.costs.takerRate };
    const wanted = shareOf(equity, sizeFraction, models) * Math.min(share, plan.maxWeight);
    const free = shareOf(this.free(), 1, models);
    const units = mostUnits(Math.min(wanted, free), sizeFraction, prices, models);
    const unitsWanted = free < wanted ? mostUnits(wanted, sizeFraction, prices, models) : units;
    if (units > 0) {
      if (units < unitsWanted) this.reducedEntries++;
      return units;
    }
    const paysOne = mostUnits(Math.max(0, equity), sizeFraction, prices, models) > 0;
    return unitsWanted === 0 && paysOne ? "below_lot" : "no_cash";
  }

  /** Closes the position, or `units` of it. */
  close(slot: number, quote: Quote, exitReason: PortfolioExitReason, units = Math.abs(this.size[slot])): void {
    const side = this.side(slot);
    const held = Math.abs(this.size[slot]);
    const isWhole = units === held;
    const share = isWhole ? 1 : units / held;
    const exitPrice = tradedPrice(this.models.fills, -side as Side, quote.price);
    const entryFee = this.entryFee[slot] * share;
    const dividends = this.dividends[slot] * share;
    const part = { size: side * units, entryPrice: this.cost[slot], entryFee, holdingCost: 0 };
    const settled = this.ledger.settle(part, exitPrice * quote.rate, this.models.costs.takerRate, dividends);
    this.trades.push({
      slot,
      size: part.size,
      entryMoment: this.entryMoment[slot],
      exitMoment: quote.moment,
      entryPrice: this.entryPrice[slot],
      exitPrice,
      ...settled,
      dividends,
      stopLoss: levelOrNaN(this.stop[slot]),
      takeProfit: levelOrNaN(this.target[slot]),
      exitReason,
    });
    this.entryFee[slot] -= entryFee;
    this.dividends[slot] -= dividends;
    this.size[slot] = isWhole ? 0 : this.size[slot] - side * units;
    if (isWhole) this.held.splice(this.held.indexOf(slot), 1);
  }

  /** Brings a position towards `share` of `equity`, by whole lots; the free equity bounds an increase. */
  resize(slot: number, quote: Quote, share: number, equity: number, isIncrease: boolean): void {
    const held = Math.abs(this.size[slot]);
    const price = quote.price * quote.rate;
    const { fills, margins, costs } = this.models;
    const { sizeFraction } = this.symbols[slot].signals;
    const money = shareOf(equity, sizeFraction, this.models) * Math.min(share, this.plan.maxWeight);
    const band = (this.plan.rebalance?.band ?? 0) * Math.max(0, equity) * margins.leverage;
    const change = valueUnits(buyingPower(margins, money), price, this.models) - held;
    if (Math.abs(change * price) < band || change > 0 !== isIncrease) return;
    if (!isIncrease) {
      if (change < 0) this.close(slot, quote, "rebalance", Math.min(held, -change));
      return;
    }
    const side = this.side(slot);
    const entryPrice = priceWithSpread(fills, side, slippedPrice(fills, side, quote.price));
    const cost = entryPrice * quote.rate;
    const prices = { fill: cost, entry: cost, rate: costs.takerRate };
    const units = Math.min(change, mostUnits(shareOf(this.free(), 1, this.models), 1, prices, this.models));
    if (units > 0) this.grow(slot, side, units, entryPrice, cost);
  }

  private grow(slot: number, side: Side, units: number, entryPrice: number, cost: number): void {
    const held = Math.abs(this.size[slot]);
    const average = (before: number, added: number) => before + (added - before) * (units / (held + units));
    this.entryPrice[slot] = average(this.entryPrice[slot], entryPrice);
    this.cost[slot] = average(this.cost[slot], cost);
    this.size[slot] += side * units;
    this.entryFee[slot] += this.payEntry(units, cost);
  }

  private payEntry(units: number, cost: number): number {
    return this.ledger.payEntry(units, cost, this.models.costs.takerRate);
  }

  /** Takes all that is left. */
  ruin(): void {
    this.ledger.cash = 0;
  }

  /** A position in `ratio` times as many units at that part of the price. */
  split(slot: number, ratio: number): void {
    this.size[slot] *= ratio;
    for (const column of [this.entryPrice, this.cost, this.mark, this.stop, this.target]) column[slot] /= ratio;
  }

  /** Account money for a unit: a long position gets it, a short one pays it. */
  payDividend(slot: number, perUnit: number): void {
    const money = this.size[slot] * perUnit;
    this.ledger.cash += money;
    this.dividends[slot] += money;
  }

  /** `direction` 1 above the reference, -1 below it; its infinite end without a level. */
  private levelOf(level: ProtectiveLevel | null, direction: Side, signalClose: number, entryPrice: number): number {
    if (level === null) return direction * Number.POSITIVE_INFINITY;
    const reference = level.from === "fill" ? entryPrice : signalClose;
    return levelPrice(reference, direction, level.fraction, this.models.fills.tickSize);
  }
}

function insert(ascending: number[], value: number): void {
  let at = ascending.length;
  while (at > 0 && ascending[at - 1] > value) at--;
  ascending.splice(at, 0, value);
}
