/** How many units an order may buy, and what it pays. */
import type { BacktestSettings } from "../../protocol/operations.ts";

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

/** Money for an order of `units` (positive) at `price`. */
export function orderCommission(settings: BacktestSettings, units: number, price: number): number {
  const { commissionFixed, commissionRate, commissionPerUnit, commissionMinimum } = settings;
  const commission = commissionFixed + units * price * commissionRate + units * commissionPerUnit;
  return Math.max(commission, commissionMinimum);
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
