/** Rounds numbers of units to what an account may hold. */

/** The multiples of a unit that an account may hold. */
export interface LotRules {
  readonly fractionalUnits: boolean;
  /** Entries are multiples of it; 0 leaves it at whole units, or none with `fractionalUnits`. */
  readonly lotSize: number;
}

/** A quotient this close below a whole number is that number: 0.3 / 0.1 is 2.9999999999999996. */
const QUOTIENT_TOLERANCE = 1e-12;
/** Decimal digits that every double keeps. */
const DECIMAL_DIGITS = 15;

/** `units` rounded down to a tradable amount: 0.3 in lots of 0.1 is 0.3. */
export function tradableUnits(units: number, { lotSize, fractionalUnits }: LotRules): number {
  if (lotSize > 0) return multipleOf(lotSize, nearlyFloor(units / lotSize));
  return fractionalUnits ? units : nearlyFloor(units);
}

/**
 * The units that `money` pays for at `cost` a unit, rounded down to a tradable amount; 0 where nothing can be bought, also for
 * a cost that is not positive.
 *
 * @param isExact the money that a whole number of lots costs buys it; without it rounding may take the last lot
 */
export function wholeLots(money: number, cost: number, lots: LotRules, isExact: boolean): number {
  if (!(cost > 0) || !(money > 0)) return 0;
  const { lotSize, fractionalUnits } = lots;
  if (fractionalUnits && lotSize === 0) return finite(money / cost);
  const lot = lotSize > 0 ? lotSize : 1;
  const count = isExact ? nearlyFloor(money / (cost * lot)) : floorDivide(money, cost * lot);
  return finite(isExact ? multipleOf(lot, count) : count * lot);
}

/** The most lots that `fits`, near `units`, whose division may have rounded by a lot. */
export function mostLots(units: number, { lotSize }: LotRules, fits: (units: number) => boolean): number {
  const lot = lotSize > 0 ? lotSize : 1;
  let count = Math.round(units / lot);
  if (count > 0 && !fits(multipleOf(lot, count))) count--;
  else if (fits(multipleOf(lot, count + 1))) count++;
  return multipleOf(lot, count);
}

function finite(units: number): number {
  return Number.isFinite(units) ? units : 0;
}

/** Rounds down, but up where only rounding errors lie between. */
function nearlyFloor(quotient: number): number {
  const nearest = Math.round(quotient);
  return Math.abs(quotient - nearest) <= QUOTIENT_TOLERANCE * nearest ? nearest : Math.floor(quotient);
}

/** A sum or difference of tradable amounts as the number that is meant: 0.1 + 0.2 is 0.3. */
export function tidyUnits(units: number, { lotSize, fractionalUnits }: LotRules): number {
  if (lotSize > 0) return multipleOf(lotSize, Math.round(units / lotSize));
  return fractionalUnits ? decimal(units) : units;
}

/** True where `units` are the whole of `all`, but for rounding. */
export function areAllUnits(units: number, all: number): boolean {
  return units >= all * (1 - QUOTIENT_TOLERANCE);
}

/** `count` lots as the double nearest their decimal number: 3 lots of 0.1 are 0.3, where a product gives 0.30000000000000004. */
export function multipleOf(lot: number, count: number): number {
  const units = count * lot;
  if (Number.isInteger(lot) || !Number.isFinite(units) || decimal(lot) !== lot) return units;
  return decimal(units);
}

function decimal(value: number): number {
  return Number(value.toPrecision(DECIMAL_DIGITS));
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
