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
  const isBetween = Math.abs(inTicks - ticks) > 1e-9 * Math.max(1, Math.abs(ticks));
  if (isBetween) ticks = direction > 0 ? Math.ceil(inTicks) : Math.floor(inTicks);
  if (price > 0 && ticks < 1) ticks = 1;
  if (ticks === 0) ticks = 0;
  const inverse = Math.round(1 / tickSize);
  return Math.abs(1 / tickSize - inverse) <= 1e-9 * inverse ? ticks / inverse : decimalProduct(tickSize, BigInt(ticks));
}

export function commissionOf(settings: BacktestSettings, units: number, price: number, isMaker: boolean): number {
  const { commissionRate, makerCommissionRate = commissionRate, commissionFixed, commissionPerUnit } = settings;
  const rate = isMaker ? makerCommissionRate : commissionRate;
  const commission = commissionFixed + units * Math.abs(price) * rate + units * commissionPerUnit;
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
  if (size < 0) return -size * Math.abs(price) * (shortBorrowRate / YEAR_MS) * elapsedMs;
  return owed > 0 ? owed * (financingRate / YEAR_MS) * elapsedMs : 0;
}

/** The price at which equity is the maintenance margin's fraction of the value's size; null without one. */
export function liquidationOf({ maintenanceMargin }: BacktestSettings, size: number, owed: number): number | null {
  if (maintenanceMargin === undefined || size === 0) return null;
  // Two prices solve it, one above and one below zero; only one has the sign that it was solved for.
  const above = owed / (size * (1 - Math.sign(size) * maintenanceMargin));
  const below = owed / (size * (1 + Math.sign(size) * maintenanceMargin));
  return above >= 0 ? above : below;
}

/** `price` moved by a fraction of its size: up for 1, down for -1. */
export function moved(price: number, direction: number, fraction: number): number {
  return price * (price >= 0 ? 1 + direction * fraction : 1 - direction * fraction);
}

export interface ReferenceDemand {
  readonly fraction: number;
  readonly units?: number;
  readonly money?: number;
}

interface EntryPrice {
  /** Before the spread. */
  readonly slipped: number;
  readonly entry: number;
  readonly isMaker: boolean;
}

/** Units that an entry gets, 0 for a refusal. */
export function unitsOf(settings: BacktestSettings, demand: ReferenceDemand, free: number, at: EntryPrice): number {
  if (at.entry === 0 || Number.isNaN(demand.fraction)) return 0;
  if (settings.fixedFeeSizing === "per_unit") return unitsWithFeePerUnit(settings, demand, free, at);
  const { units, money, fraction } = demand;
  const cash = Math.max(0, free);
  const carried = (share: number) => mostOf(settings, cash * allOf(settings, share), settings.margin, at);
  if (units !== undefined) {
    const wanted = inLots(settings, units);
    const needed = wanted * Math.abs(at.entry) * settings.margin + commissionOf(settings, wanted, at.entry, at.isMaker);
    return needed <= cash * (1 + 1e-12) ? wanted : 0;
  }
  if (money === undefined) return carried(fraction);
  if (money > cash * (1 / settings.margin)) return 0;
  return Math.min(carried(1), mostOf(settings, money, 1, at));
}

function allOf({ allIn }: BacktestSettings, fraction: number): number {
  return fraction === 1 && allIn === "below" ? NEARLY_ONE : fraction;
}

/** The most units of which `part` of the value, and the commission, are within the budget. */
function mostOf(settings: BacktestSettings, budget: number, part: number, { entry, isMaker }: EntryPrice): number {
  const { commissionRate, makerCommissionRate = commissionRate, commissionFixed, commissionPerUnit } = settings;
  const { commissionMinimum, fractionalUnits, lotSize } = settings;
  const rate = Math.max(0, isMaker ? makerCommissionRate : commissionRate);
  const price = Math.abs(entry);
  const inPlainNumbers = settings.allIn === "below" || (fractionalUnits && lotSize === 0);
  if (inPlainNumbers) {
    const units = bought(settings, budget - commissionFixed, price * (part + rate) + commissionPerUnit);
    return commissionMinimum === 0
      ? units
      : Math.min(units, bought(settings, budget - commissionMinimum, price * part));
  }
  const lot = lotSize === 0 ? 1 : lotSize;
  const [value, charge] = [times(of(price), of(part)), times(of(price), of(rate))];
  const money = times(of(budget), { above: SLACK + 1n, below: SLACK });
  const charged = lotsOf(money, of(commissionFixed), plus(plus(value, charge), of(commissionPerUnit)), of(lot));
  const least = lotsOf(money, of(commissionMinimum), value, of(lot));
  return Math.min(decimalProduct(lot, charged), decimalProduct(lot, least));
}

/** Lots of so much a unit that what is left of the money after a fee pays. */
function lotsOf(money: Fraction, fee: Fraction, unit: Fraction, lot: Fraction): bigint {
  const rest = plus(money, { above: -fee.above, below: fee.below });
  if (rest.above <= 0n) return 0n;
  const step = times(unit, lot);
  return (rest.above * step.below) / (rest.below * step.above);
}

interface Fraction {
  readonly above: bigint;
  readonly below: bigint;
}

/** A number that is not negative, exactly. */
function of(value: number): Fraction {
  const [above, power] = asFraction(value);
  return { above, below: 1n << power };
}

function times(a: Fraction, b: Fraction): Fraction {
  return { above: a.above * b.above, below: a.below * b.below };
}

function plus(a: Fraction, b: Fraction): Fraction {
  return { above: a.above * b.below + b.above * a.below, below: a.below * b.below };
}

/** As backtesting.py has it: the fixed fee is a part of each unit's price, and leverage pays for fees too. */
function unitsWithFeePerUnit(
  settings: BacktestSettings,
  { fraction, units, money }: ReferenceDemand,
  free: number,
  { slipped, entry, isMaker }: EntryPrice,
): number {
  const power = (share: number) => Math.max(0, free) * share * (1 / settings.margin);
  const all = allOf(settings, 1);
  const cost = (share: number) => {
    const { commissionRate, makerCommissionRate = commissionRate, commissionFixed, commissionPerUnit } = settings;
    const rate = isMaker ? makerCommissionRate : commissionRate;
    return Math.abs(entry) + ((commissionFixed + share * Math.abs(slipped) * rate) / share + commissionPerUnit);
  };
  const paidBy = (budget: number, share: number) => {
    const { commissionMinimum } = settings;
    return Math.min(bought(settings, budget, cost(share)), bought(settings, budget - commissionMinimum, cost(share)));
  };
  const whole = paidBy(power(all), all);
  if (units !== undefined) return inLots(settings, units) <= whole ? inLots(settings, units) : 0;
  if (money !== undefined) return money > power(1) ? 0 : Math.min(whole, paidBy(money, all));
  const share = allOf(settings, fraction);
  return paidBy(power(share), share);
}

/** Units for a budget at so much a unit: fractions where they are allowed, or whole units or lots. */
function bought(settings: BacktestSettings, budget: number, cost: number): number {
  if (!(cost > 0) || !(budget > 0)) return 0;
  if (settings.fractionalUnits && settings.lotSize === 0) return budget / cost;
  const lot = settings.lotSize === 0 ? 1 : settings.lotSize;
  if (settings.allIn === "below") return Number(wholeSteps(budget, cost * lot, 0n)) * lot;
  return decimalProduct(lot, wholeSteps(budget, cost * lot, SLACK));
}

/** `units` rounded down to a tradable amount. */
export function inLots({ lotSize, fractionalUnits }: BacktestSettings, units: number): number {
  if (lotSize > 0) return decimalProduct(lotSize, wholeSteps(units, lotSize, SLACK));
  return fractionalUnits ? units : Number(wholeSteps(units, 1, SLACK));
}

/** A sum or difference of units in decimal, as a person would say it. */
export function meantUnits({ lotSize, fractionalUnits }: BacktestSettings, units: number): number {
  if (lotSize > 0) return decimalProduct(lotSize, BigInt(Math.round(units / lotSize)));
  return fractionalUnits ? Number(units.toPrecision(15)) : units;
}

/** True where nothing but rounding is left of the whole. */
export function isAllOf(units: number, whole: number): boolean {
  return units >= whole * (1 - 1e-12);
}

/** One part in so many is rounding. */
const SLACK = 10n ** 12n;

/** Counts how often `step` fits into `amount`, as exact fractions; with `slack` into one part in so many more of it. */
function wholeSteps(amount: number, step: number, slack: bigint): bigint {
  if (amount <= 0) return 0n;
  const [dividend, dividendPower] = asFraction(amount);
  const [divisor, divisorPower] = asFraction(step);
  const [above, below] = [dividend << divisorPower, divisor << dividendPower];
  return slack === 0n ? above / below : (above * (slack + 1n)) / (below * slack);
}

/** A positive number as an integer over a power of two. */
function asFraction(value: number): [numerator: bigint, power: bigint] {
  let [numerator, power] = [value, 0n];
  for (; !Number.isInteger(numerator); power++) numerator *= 2;
  return [BigInt(numerator), power];
}

/** The product in decimal, as it would be written: 3 · 0.1 is 0.3. */
function decimalProduct(step: number, count: bigint): number {
  const [mantissa, exponent] = step.toExponential().split("e");
  const [whole, fraction = ""] = mantissa.split(".");
  return Number(`${BigInt(whole + fraction) * count}e${Number(exponent) - fraction.length}`);
}
