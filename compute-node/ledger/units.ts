/** Computes the units that an order may buy. */
import type { CostModel } from "./cost-model.ts";
import { buyingPower, type MarginModel } from "./margin-model.ts";

/** The fraction that stands for all equity, one machine epsilon below 1 so that rounding never overdraws. */
const FULL_FRACTION = 1 - Number.EPSILON;

/** The multiples of a unit that an account may hold. */
export interface LotRules {
  readonly fractionalUnits: boolean;
  /** Entries are multiples of it; 0 leaves it at whole units, or none with `fractionalUnits`. */
  readonly lotSize: number;
}

/** The settings that decide the units of an entry, besides the money. */
interface SizeModels {
  readonly costs: CostModel;
  readonly margins: MarginModel;
  readonly lots: LotRules;
}

/** The size that an entry asks for. */
export interface EntryDemand {
  /** Fraction of the free equity, above 0 and at most 1. */
  readonly fraction: number;
  /** A fixed number instead, where it is not null. */
  readonly units: number | null;
  readonly money: number | null;
}

/** Prices of one unit at an entry, account money. */
interface EntryPrices {
  /** With slippage, without the spread. */
  readonly fill: number;
  /** With both. */
  readonly entry: number;
  /** The commission's rate, a fraction. */
  readonly rate: number;
}

/**
 * Units that an entry takes, or 0 where the free equity does not carry the demand. A fraction takes what it can
 * pay; fixed units or money are taken whole or not at all.
 */
export function entryUnits(demand: EntryDemand, free: number, prices: EntryPrices, models: SizeModels): number {
  if (demand.units !== null) {
    const whole = tradableUnits(demand.units, models.lots);
    return whole <= affordableUnits(1, free, prices, models) ? whole : 0;
  }
  if (demand.money === null) return affordableUnits(demand.fraction, free, prices, models);
  if (demand.money > buyingPower(models.margins, free)) return 0;
  const whole = mostUnits(demand.money, unitCost(FULL_FRACTION, prices, models.costs), models);
  return Math.min(whole, affordableUnits(1, free, prices, models));
}

/**
 * Tells why `entryUnits` gave nothing. Units below a lot, and a fraction that is too small where the whole account pays
 * for a unit or lot: `below_lot`. More than the account carries: `margin` where it may borrow, or else `no_cash`.
 */
export function entryRefusal(
  demand: EntryDemand,
  free: number,
  prices: EntryPrices,
  models: SizeModels,
): "no_cash" | "below_lot" | "margin" {
  if (demand.units !== null && tradableUnits(demand.units, models.lots) === 0) return "below_lot";
  const power = buyingPower(models.margins, free);
  const canBuy = mostUnits(power, unitCost(wholeFraction(demand.fraction), prices, models.costs), models) > 0;
  if (!canBuy) return "no_cash";
  const isTooMuch = demand.units !== null || (demand.money !== null && demand.money > power);
  if (isTooMuch) return models.margins.margin < 1 ? "margin" : "no_cash";
  return "below_lot";
}

/** Units that the fraction `size` of the free equity pays; NaN and fractions that are not positive pay none. */
function affordableUnits(size: number, free: number, prices: EntryPrices, models: SizeModels): number {
  const fraction = wholeFraction(size);
  const power = buyingPower(models.margins, free) * fraction;
  return mostUnits(power, unitCost(fraction, prices, models.costs), models);
}

/** Units that `free` money adds to a position at `price` a unit; the fixed commission comes off the money, not the unit. */
export function addableUnits(free: number, price: number, models: SizeModels): number {
  const { costs } = models;
  const power = buyingPower(models.margins, free) * FULL_FRACTION - costs.fixed;
  return mostUnits(power, price * (1 + costs.takerRate) + costs.perUnit, models);
}

/** A fraction of 1 leaves one machine epsilon for rounding. */
export function wholeFraction(fraction: number): number {
  return fraction === 1 ? FULL_FRACTION : fraction;
}

/** Money for one unit with its commission. The fixed part is spread over the fraction, not over the units; the golden cases depend on it. */
export function unitCost(fraction: number, { fill, entry, rate }: EntryPrices, costs: CostModel): number {
  return entry + ((costs.fixed + fraction * fill * rate) / fraction + costs.perUnit);
}

/**
 * Units for `power` money at `cost` money a unit, commission included: whole lots, and with a least commission no more
 * than leaves that one.
 */
export function mostUnits(power: number, cost: number, { costs, lots }: Omit<SizeModels, "margins">): number {
  const units = lotUnits(power, cost, lots);
  return costs.minimum === 0 ? units : Math.min(units, lotUnits(power - costs.minimum, cost, lots));
}

/** Units for `power` money at `cost` money a unit, in whole lots. */
export function lotUnits(power: number, cost: number, { fractionalUnits, lotSize }: LotRules): number {
  const lot = lotSize > 0 ? lotSize : 1;
  return unitsFor(power, cost * lot, fractionalUnits && lotSize === 0) * lot;
}

/** Rounded down to a tradable amount. */
export function tradableUnits(units: number, { fractionalUnits, lotSize }: LotRules): number {
  if (lotSize > 0) return floorDivide(units, lotSize) * lotSize;
  return fractionalUnits ? units : Math.floor(units);
}

/**
 * Units for `power` money at `cost` money a unit: whole ones unless `fractional`.
 * 0 when nothing can be bought, also for a cost that is not positive.
 */
export function unitsFor(power: number, cost: number, fractional: boolean): number {
  if (!(cost > 0) || !(power > 0)) return 0;
  const units = fractional ? power / cost : floorDivide(power, cost);
  return Number.isFinite(units) ? units : 0;
}

/**
 * ⌊dividend / divisor⌋ of the exact quotient, for positive numbers; a plain division may round up to the next integer.
 * Uses the exact remainder, as floor division of floats does in Python.
 */
export function floorDivide(dividend: number, divisor: number): number {
  const quotient = (dividend - (dividend % divisor)) / divisor;
  const floor = Math.floor(quotient);
  return quotient - floor > 0.5 ? floor + 1 : floor;
}
