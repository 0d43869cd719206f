/** How many units an order may buy, and what it pays. */
import type { BacktestSettings } from "../../../protocol/operations/index.ts";

/** The fraction that stands for all equity, one machine epsilon below 1 so that rounding never overdraws. */
export const FULL_FRACTION = 1 - Number.EPSILON;

/**
 * ⌊dividend / divisor⌋ of the exact quotient, for positive numbers; a plain division may round up to the next integer.
 * Uses the exact remainder, as floor division of floats does in Python.
 */
export function floorDivide(dividend: number, divisor: number): number {
  const quotient = (dividend - (dividend % divisor)) / divisor;
  const floor = Math.floor(quotient);
  return quotient - floor > 0.5 ? floor + 1 : floor;
}

/** What the units of an entry depend on, besides the money. */
export interface UnitRules {
  readonly commissionMinimum: number;
  readonly fractionalUnits: boolean;
  readonly lotSize: number;
}

/**
 * Units for `buyingPower` money at `unitCost` money a unit, commission included: whole lots, and with a least commission
 * no more than leaves that one.
 */
export function unitsByRules(buyingPower: number, unitCost: number, rules: UnitRules): number {
  const lot = rules.lotSize > 0 ? rules.lotSize : 1;
  const fractional = rules.fractionalUnits && rules.lotSize === 0;
  const units = unitsFor(buyingPower, unitCost * lot, fractional) * lot;
  if (rules.commissionMinimum === 0) return units;
  return Math.min(units, unitsFor(buyingPower - rules.commissionMinimum, unitCost * lot, fractional) * lot);
}

/** Money for an order of `units` (positive) at `price`; `rate` is the maker's or the taker's. A rebate is below 0. */
export function orderCommission(
  settings: BacktestSettings,
  units: number,
  price: number,
  rate = settings.commissionRate,
): number {
  const { commissionFixed, commissionPerUnit, commissionMinimum } = settings;
  const commission = commissionFixed + units * price * rate + units * commissionPerUnit;
  return commissionMinimum > 0 ? Math.max(commission, commissionMinimum) : commission;
}

/** What an entry is to buy. */
export interface EntryDemand {
  /** Of the free equity, above 0 and at most 1. */
  readonly fraction: number;
  /** Fixed instead, where it is not null. */
  readonly units: number | null;
  readonly money: number | null;
}

/** Prices of one unit at an entry. */
export interface EntryPrices {
  /** With slippage, without the spread. */
  readonly fill: number;
  /** With both. */
  readonly entry: number;
  /** The commission's rate, a fraction. */
  readonly rate: number;
}

/**
 * Units that an entry takes, or 0 where the free equity does not carry what is asked for. A fraction takes what it can
 * pay; fixed units or money are taken whole or not at all.
 */
export function entryUnits(
  demand: EntryDemand,
  freeEquity: number,
  prices: EntryPrices,
  rules: BacktestSettings,
): number {
  if (demand.units !== null) {
    const whole = tradableUnits(demand.units, rules);
    return whole <= affordableUnits(1, freeEquity, prices, rules) ? whole : 0;
  }
  if (demand.money === null) return affordableUnits(demand.fraction, freeEquity, prices, rules);
  const buyingPower = Math.max(0, freeEquity) * (1 / rules.margin);
  if (demand.money > buyingPower) return 0;
  const whole = unitsByRules(demand.money, unitCost(FULL_FRACTION, prices, rules), rules);
  return Math.min(whole, affordableUnits(1, freeEquity, prices, rules));
}

/**
 * Why `entryUnits` gave nothing. Units below a lot, and a fraction that is too small where the whole account pays for a
 * unit or lot: `below_lot`. More than the account carries: `margin` where it may borrow, or else `no_cash`.
 */
export function entryRefusal(
  demand: EntryDemand,
  freeEquity: number,
  prices: EntryPrices,
  rules: BacktestSettings,
): "no_cash" | "below_lot" | "margin" {
  if (demand.units !== null && tradableUnits(demand.units, rules) === 0) return "below_lot";
  const fraction = demand.fraction === 1 ? FULL_FRACTION : demand.fraction;
  const buyingPower = Math.max(0, freeEquity) * (1 / rules.margin);
  const canBuy = unitsByRules(buyingPower, unitCost(fraction, prices, rules), rules) > 0;
  if (!canBuy) return "no_cash";
  const isTooMuch = demand.units !== null || (demand.money !== null && demand.money > buyingPower);
  if (isTooMuch) return rules.margin < 1 ? "margin" : "no_cash";
  return "below_lot";
}

/** Units that `size` of the free equity pays; NaN and what is not positive pay none. */
export function affordableUnits(
  size: number,
  freeEquity: number,
  prices: EntryPrices,
  rules: BacktestSettings,
): number {
  const fraction = size === 1 ? FULL_FRACTION : size;
  const buyingPower = Math.max(0, freeEquity) * (1 / rules.margin) * fraction;
  return unitsByRules(buyingPower, unitCost(fraction, prices, rules), rules);
}

/** The fixed part is spread over the fraction, not over the units; the golden cases depend on it. */
function unitCost(fraction: number, { fill, entry, rate }: EntryPrices, rules: BacktestSettings): number {
  const { commissionFixed, commissionPerUnit } = rules;
  return entry + ((commissionFixed + fraction * fill * rate) / fraction + commissionPerUnit);
}

/** Rounded down to what the settings let one trade. */
export function tradableUnits(units: number, { fractionalUnits, lotSize }: UnitRules): number {
  if (lotSize > 0) return floorDivide(units, lotSize) * lotSize;
  return fractionalUnits ? units : Math.floor(units);
}

/**
 * Units for `buyingPower` money at `unitCost` money a unit: whole ones unless `fractional`.
 * 0 when nothing can be bought, also for a cost that is not positive.
 */
export function unitsFor(buyingPower: number, unitCost: number, fractional: boolean): number {
  if (!(unitCost > 0) || !(buyingPower > 0)) return 0;
  const units = fractional ? buyingPower / unitCost : floorDivide(buyingPower, unitCost);
  return Number.isFinite(units) ? units : 0;
}
