/** Computes the units that an order may buy. */
import type { Conventions } from "../../protocol/conventions.ts";
import { type CostModel, orderCommission } from "./cost-model.ts";
import { type LotRules, mostLots, tradableUnits, wholeLots } from "./lot-rules.ts";
import { buyingPower, type MarginModel } from "./margin-model.ts";

/** The fraction that stands for all equity under `allIn: below`. */
const ONE_EPSILON_BELOW = 1 - Number.EPSILON;

/** Money within this part of the need pays for it: sums of decimal prices and fees are off by rounding. */
const MONEY_TOLERANCE = 1e-12;

/** The settings that decide the units of an entry, besides the money. */
export interface SizeModels {
  readonly costs: CostModel;
  readonly margins: MarginModel;
  readonly lots: LotRules;
  readonly conventions: Pick<Conventions, "allIn" | "fixedFeeSizing">;
}

/** The size that an entry asks for. */
export interface EntryDemand {
  /** Fraction of the free equity, above 0 and at most 1. */
  readonly fraction: number;
  /** A fixed number instead, where it is not null. */
  readonly units: number | null;
  /** For as much, commission included. */
  readonly money: number | null;
}

/** Prices of one unit at an entry, account money. */
export interface EntryPrices {
  /** With slippage, without the spread. */
  readonly fill: number;
  /** With both. */
  readonly entry: number;
  /** The commission's rate, a fraction. */
  readonly rate: number;
}

/**
 * Units that an entry takes, or 0 where the free equity does not carry the demand. A fraction takes what it can
 * pay; fixed units or money are taken whole or not at all. A price of 0 has no size.
 */
export function entryUnits(demand: EntryDemand, free: number, prices: EntryPrices, models: SizeModels): number {
  if (prices.entry === 0) return 0;
  if (demand.units !== null) {
    const units = tradableUnits(demand.units, models.lots);
    return isPaid(units, free, prices, models) ? units : 0;
  }
  if (demand.money === null) return fractionUnits(demand.fraction, free, prices, models);
  if (demand.money > buyingPower(models.margins, free)) return 0;
  return Math.min(moneyUnits(demand.money, prices, models), fractionUnits(1, free, prices, models));
}

/**
 * The most units that `fraction` of `free` money carries, 0 for none: the margin of their value and their commission fit. A fraction
 * that is not positive, or NaN, carries none.
 */
export function fractionUnits(fraction: number, free: number, prices: EntryPrices, models: SizeModels): number {
  if (!(fraction > 0)) return 0;
  return mostUnits(shareOf(free, fraction, models), fraction, prices, models);
}

/** As `fractionUnits`, where `money` is already the part; `fraction` says which one it is, for fees that count once for each unit. */
export function mostUnits(money: number, fraction: number, prices: EntryPrices, models: SizeModels): number {
  const { costs, margins, conventions } = models;
  if (conventions.fixedFeeSizing === "per_unit") {
    const power = buyingPower(margins, money);
    const cost = unitCost(wholeFraction(fraction, models), prices, costs);
    const units = unitsFor(power, cost, models);
    return costs.minimum === 0 ? units : Math.min(units, unitsFor(power - costs.minimum, cost, models));
  }
  return unitsWithin(money, margins.margin, prices, models);
}

/** Money of `free` that an entry of `fraction` of it may spend. */
export function shareOf(free: number, fraction: number, models: Pick<SizeModels, "conventions">): number {
  return Math.max(0, free) * wholeFraction(fraction, models);
}

/** Units for `power` money of value at `price` a unit, without costs, in whole lots. */
export function valueUnits(
  power: number,
  price: number,
  { lots, conventions }: Pick<SizeModels, "lots" | "conventions">,
): number {
  return wholeLots(power, Math.abs(price), lots, conventions.allIn === "exact");
}

/** Money that an entry of `units` binds and pays: the margin of its value, and its commission. */
export function moneyNeeded(units: number, { entry, rate }: EntryPrices, { costs, margins }: SizeModels): number {
  return units * Math.abs(entry) * margins.margin + orderCommission(costs, units, entry, rate);
}

/** True where `free` money carries `units`. */
function isPaid(units: number, free: number, prices: EntryPrices, models: SizeModels): boolean {
  if (models.conventions.fixedFeeSizing === "per_unit") return units <= fractionUnits(1, free, prices, models);
  return moneyNeeded(units, prices, models) <= Math.max(0, free) * (1 + MONEY_TOLERANCE);
}

/** Units whose value and commission fit `money`, whatever part of the value is borrowed. */
function moneyUnits(money: number, prices: EntryPrices, models: SizeModels): number {
  if (models.conventions.fixedFeeSizing === "per_order") return unitsWithin(money, 1, prices, models);
  const cost = unitCost(wholeFraction(1, models), prices, models.costs);
  const { minimum } = models.costs;
  const units = unitsFor(money, cost, models);
  return minimum === 0 ? units : Math.min(units, unitsFor(money - minimum, cost, models));
}

/** The most units of which `part` of the value and the commission fit `money`. A rebate pays for nothing before it is paid. */
function unitsWithin(money: number, part: number, prices: EntryPrices, models: SizeModels): number {
  const { costs, lots } = models;
  const price = Math.abs(prices.entry);
  const isExact = models.conventions.allIn === "exact";
  const perUnit = price * (part + Math.max(0, prices.rate)) + costs.perUnit;
  const charged = wholeLots(money - costs.fixed, perUnit, lots, false);
  // The commission is the larger one of its sum and the minimum, so the smaller number of units fits both.
  const units =
    costs.minimum === 0 ? charged : Math.min(charged, wholeLots(money - costs.minimum, price * part, lots, false));
  if (!isExact || (lots.fractionalUnits && lots.lotSize === 0)) return units;
  return exactLots(units, money, part, prices, models);
}

/** The most lots that fit, near `units`, whose division may have rounded by a lot. */
function exactLots(
  units: number,
  money: number,
  part: number,
  prices: EntryPrices,
  { costs, lots }: SizeModels,
): number {
  const price = Math.abs(prices.entry);
  const rate = Math.max(0, prices.rate);
  const paid = money * (1 + MONEY_TOLERANCE);
  return mostLots(units, lots, (count) => {
    const commission = costs.fixed + count * price * rate + count * costs.perUnit;
    return count * price * part + Math.max(commission, costs.minimum) <= paid;
  });
}

/** A fraction of 1 leaves one machine epsilon under `allIn: below`. */
function wholeFraction(fraction: number, { conventions }: Pick<SizeModels, "conventions">): number {
  return fraction === 1 && conventions.allIn === "below" ? ONE_EPSILON_BELOW : fraction;
}

/** Money for one unit under `fixedFeeSizing: per_unit`: the fixed fee is spread over the fraction, not over the units. */
function unitCost(fraction: number, { fill, entry, rate }: EntryPrices, costs: CostModel): number {
  return Math.abs(entry) + ((costs.fixed + fraction * Math.abs(fill) * rate) / fraction + costs.perUnit);
}

function unitsFor(power: number, cost: number, { lots, conventions }: SizeModels): number {
  return wholeLots(power, cost, lots, conventions.allIn === "exact");
}
