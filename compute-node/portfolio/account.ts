/**
 * @file One cash account that holds positions in many symbols.
 *
 * `cash` is the money left when every position closes without a profit: capital, plus profits of closed trades, minus
 * commissions, plus dividends; equity is cash + Σ units · (mark − cost). A position binds a part of its value as
 * margin: free equity is equity − margin · Σ |units · mark|, and entries use no more than that. Costs, marks and
 * profits are account money; prices are in the symbol's own currency, times the rate of the moment. Fills, sizes, costs
 * and closings are those of every account (`../ledger`).
 */

import type { BacktestSettings } from "../../protocol/operations/index.ts";
import type { PortfolioExitReason, PortfolioRefusal } from "../../protocol/portfolio-result.ts";
import {
  type AccountModels,
  accountModels,
  buyingPower,
  type EntryPrices,
  freeEquity,
  Ledger,
  levelOrNaN,
  levelPrice,
  mostUnits,
  priceWithSpread,
  refusalFigures,
  type Side,
  shareOf,
  slippedPrice,
  tradableUnits,
  tradedPrice,
  valueUnits,
} from "../ledger/index.ts";
import { entryFraction } from "../strategy/entry-fraction.ts";
import type { ProtectiveLevel } from "../strategy/signals.ts";
import type { FirstRefusals, OpenHolding, PortfolioPlan, PortfolioSymbol, PortfolioTrade } from "./portfolio-model.ts";

/** Money and units within this part of each other are the same: what positions bind and hold are sums. */
const ROUNDING_PART = 1e-12;
/** An entry that is smaller than its weight by no more than this part is not called reduced. */
const REDUCED_PART = 1e-9;

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
  /** Figures of the first entry that the account did not carry, by reason. */
  readonly firstRefusals: FirstRefusals = {};

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

  /** Free equity, or 0 where it is only the rounding of what the positions bind. */
  freeMoney(): number {
    const equity = this.equity();
    const free = freeEquity(this.models.margins, equity, this.gross());
    return free > ROUNDING_PART * equity ? free : 0;
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
    const prices = { fill: fillPrice * quote.rate, entry: cost, rate: this.models.costs.takerRate };
    const units = this.unitsToOpen(slot, prices, share, equity);
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

  private unitsToOpen(slot: number, prices: EntryPrices, share: number, equity: number): number | PortfolioRefusal {
    const { models } = this;
    if (prices.entry === 0) return "no_size";
    const sizeFraction = entryFraction(this.symbols[slot].signals, this.models.margins.margin);
    const wanted = shareOf(equity, sizeFraction, models) * Math.min(share, this.plan.maxWeight);
    const free = this.freeMoney();
    // An entry that wants more than is free asks for everything that is free.
    const money = wanted <= free ? wanted : shareOf(free, 1, models);
    const units = mostUnits(money, sizeFraction, prices, models);
    const unitsWanted = wanted <= free ? units : mostUnits(wanted, sizeFraction, prices, models);
    if (units > 0) {
      if (units < unitsWanted * (1 - REDUCED_PART)) this.reducedEntries++;
      return units;
    }
    const isSmall = unitsWanted === 0 && mostUnits(shareOf(equity, 1, models), 1, prices, models) > 0;
    const reason = isSmall ? "below_lot" : "no_cash";
    const demand = { fraction: 1, units: unitsWanted > 0 ? unitsWanted : null, money: null };
    this.firstRefusals[reason] ??= { slot, ...refusalFigures(demand, isSmall ? wanted : free, prices, models) };
    return reason;
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
    this.size[slot] = isWhole ? 0 : side * this.inLots(held - units);
    if (isWhole) this.held.splice(this.held.indexOf(slot), 1);
  }

  /** Brings a position towards `share` of `equity`, by whole lots; the free equity bounds an increase. */
  resize(slot: number, quote: Quote, share: number, equity: number, isIncrease: boolean): void {
    const { models } = this;
    const held = Math.abs(this.size[slot]);
    const price = Math.abs(quote.price * quote.rate);
    // No number of units is worth a share at a price of 0.
    if (price === 0) return;
    const sizeFraction = entryFraction(this.symbols[slot].signals, this.models.margins.margin);
    const money = shareOf(equity, sizeFraction, models) * Math.min(share, this.plan.maxWeight);
    const wanted = valueUnits(buyingPower(models.margins, money), price, models);
    const change = this.inLots(Math.abs(wanted - held));
    const band = (this.plan.rebalance?.band ?? 0) * buyingPower(models.margins, equity);
    if (change * price < band || change <= ROUNDING_PART * held || wanted > held !== isIncrease) return;
    if (isIncrease) this.grow(slot, quote, change);
    else this.close(slot, quote, "rebalance", Math.min(held, change));
  }

  private grow(slot: number, quote: Quote, change: number): void {
    const { models } = this;
    const side = this.side(slot);
    const fillPrice = slippedPrice(models.fills, side, quote.price);
    const entryPrice = priceWithSpread(models.fills, side, fillPrice);
    const cost = entryPrice * quote.rate;
    const prices = { fill: fillPrice * quote.rate, entry: cost, rate: models.costs.takerRate };
    const affordable = mostUnits(shareOf(this.freeMoney(), 1, models), 1, prices, models);
    const units = Math.min(tradableUnits(change, models.lots), affordable);
    if (!(units > 0)) return;
    const held = Math.abs(this.size[slot]);
    const average = (before: number, added: number) => before + (added - before) * (units / (held + units));
    this.entryPrice[slot] = average(this.entryPrice[slot], entryPrice);
    this.cost[slot] = average(this.cost[slot], cost);
    this.size[slot] = side * this.inLots(held + units);
    this.entryFee[slot] += this.payEntry(units, cost);
  }

  /** A sum of units that is whole lots but for rounding, as whole lots: 0.1 + 0.2 is 0.3. A split leaves parts of lots. */
  private inLots(units: number): number {
    const whole = tradableUnits(units, this.models.lots);
    return Math.abs(units - whole) <= ROUNDING_PART * units ? whole : units;
  }

  private payEntry(units: number, cost: number): number {
    return this.ledger.payEntry(units, cost, this.models.costs.takerRate);
  }

  openHoldings(): OpenHolding[] {
    const { size, mark, cost, entryFee, dividends, entryMoment, entryPrice } = this;
    return this.held.map((slot) => ({
      slot,
      size: size[slot],
      entryMoment: entryMoment[slot],
      entryPrice: entryPrice[slot],
      profit: size[slot] * (mark[slot] - cost[slot]) - entryFee[slot] + dividends[slot],
      commission: entryFee[slot],
      dividends: dividends[slot],
    }));
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
