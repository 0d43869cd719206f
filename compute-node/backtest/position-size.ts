/** How many units an order may buy. */

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

/**
 * Units for `buyingPower` money at `unitCost` money a unit: whole ones unless `fractional`.
 * 0 when nothing can be bought, also for a cost that is not positive.
 */
export function unitsFor(buyingPower: number, unitCost: number, fractional: boolean): number {
  if (!(unitCost > 0) || !(buyingPower > 0)) return 0;
  const units = fractional ? buyingPower / unitCost : floorDivide(buyingPower, unitCost);
  return Number.isFinite(units) ? units : 0;
}
