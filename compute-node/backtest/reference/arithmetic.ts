/** Money and prices as the slow engines reckon them; nothing in here is shared with the fast ones. */
import { DAY_MS } from "../../../protocol/durations.ts";
import type { BacktestSettings } from "../../../protocol/operations/index.ts";

const YEAR_MS = 365 * DAY_MS;
const NEARLY_ONE = 1 - 2 ** -52;

/** The price, or where there are ticks the nearest one in the direction (1 up, -1 down). */
export function onTick({ tickSize }: BacktestSettings, price: number, direction: number): number {
  if (tickSize === undefined || Math.abs(price) === Number.POSITIVE_INFINITY) return price;
  const inTicks = price / tickSize;
  let ticks = Math.round(inTicks);
  const isBetween = Math.abs(inTicks - ticks) > 1e-9 * Math.max(1, ticks);
  if (isBetween) ticks = direction > 0 ? Math.ceil(inTicks) : Math.floor(inTicks);
  ticks = Math.max(1, ticks);
  const inverse = Math.round(1 / tickSize);
  return Math.abs(1 / tickSize - inverse) <= 1e-9 * inverse ? ticks / inverse : ticks * tickSize;
}

export function commissionOf(settings: BacktestSettings, units: number, price: number, isMaker: boolean): number {
  const { commissionRate, makerCommissionRate = commissionRate, commissionFixed, commissionPerUnit } = settings;
  const rate = isMaker ? makerCommissionRate : commissionRate;
  const commission = commissionFixed + units * price * rate + units * commissionPerUnit;
  return settings.commissionMinimum === 0 ? commission : Math.max(settings.commissionMinimum, commission);
}

/** Interest and borrowing fees on `size` units for the time between two bars. */
export function holdingCostOf(
  { shortBorrowRate = 0, financingRate = 0 }: BacktestSettings,
  size: number,
  owed: number,
  price: number,
  elapsedMs: number,
): number {
  if (size < 0) return -size * price * (shortBorrowRate / YEAR_MS) * elapsedMs;
  return owed > 0 ? owed * (financingRate / YEAR_MS) * elapsedMs : 0;
}

/** The price at which equity is the maintenance margin's fraction of the position's value; null without one. */
export function liquidationOf({ maintenanceMargin }: BacktestSettings, size: number, owed: number): number | null {
  if (maintenanceMargin === undefined || size === 0) return null;
  if (size > 0) return owed > 0 ? owed / (size * (1 - maintenanceMargin)) : null;
  return owed / (size * (1 + maintenanceMargin));
}

export interface ReferenceDemand {
  readonly fraction: number;
  readonly units?: number;
  readonly money?: number;
}

/** Units that an entry gets, 0 for a refusal. `slipped` is the price before the spread and `entry` after it. */
export function unitsOf(
  settings: BacktestSettings,
  { fraction, units, money }: ReferenceDemand,
  free: number,
  { slipped, entry, isMaker }: { slipped: number; entry: number; isMaker: boolean },
): number {
  const power = Math.max(0, free) * (1 / settings.margin);
  const cost = (share: number) => {
    const { commissionRate, makerCommissionRate = commissionRate, commissionFixed, commissionPerUnit } = settings;
    const rate = isMaker ? makerCommissionRate : commissionRate;
    return entry + ((commissionFixed + share * slipped * rate) / share + commissionPerUnit);
  };
  const paidBy = (budget: number, share: number) => {
    const { commissionMinimum } = settings;
    return Math.min(bought(settings, budget, cost(share)), bought(settings, budget - commissionMinimum, cost(share)));
  };
  const whole = paidBy(power * NEARLY_ONE, NEARLY_ONE);
  if (units !== undefined) return inLots(settings, units) <= whole ? inLots(settings, units) : 0;
  if (money !== undefined) return money > power ? 0 : Math.min(whole, paidBy(money, NEARLY_ONE));
  if (Number.isNaN(fraction)) return 0;
  return fraction === 1 ? whole : paidBy(power * fraction, fraction);
}

/** Units for a budget at so much a unit: fractions where they are allowed, or whole units or lots. */
function bought(settings: BacktestSettings, budget: number, cost: number): number {
  if (!(cost > 0) || budget <= 0) return 0;
  if (settings.fractionalUnits && settings.lotSize === 0) return budget / cost;
  const lot = settings.lotSize === 0 ? 1 : settings.lotSize;
  return wholeSteps(budget, cost * lot) * lot;
}

/** `units` rounded down to a tradable amount. */
export function inLots({ lotSize, fractionalUnits }: BacktestSettings, units: number): number {
  if (lotSize > 0) return wholeSteps(units, lotSize) * lotSize;
  return fractionalUnits ? units : Math.floor(units);
}

/** Counts how often `step` fits into `amount`, as exact fractions: 40 holds the double 0.1, above a tenth, 399 times. */
function wholeSteps(amount: number, step: number): number {
  const [dividend, dividendPower] = asFraction(amount);
  const [divisor, divisorPower] = asFraction(step);
  return Number((dividend << divisorPower) / (divisor << dividendPower));
}

/** A positive number as an integer over a power of two. */
function asFraction(value: number): [numerator: bigint, power: bigint] {
  let [numerator, power] = [value, 0n];
  for (; !Number.isInteger(numerator); power++) numerator *= 2;
  return [BigInt(numerator), power];
}
