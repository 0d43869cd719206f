/**
 * Money and sizes as the slow portfolio engine reckons them. Lots are counted, in exact ratios of whole numbers; nothing in
 * here is shared with the ledger.
 */
import type { BacktestSettings } from "../../../protocol/operations/index.ts";

type Lots = Pick<BacktestSettings, "lotSize" | "fractionalUnits">;

const NEARLY_ONE = 1 - 2 ** -52;
/** Numbers within one part in so many are the same. */
const SAME = 10n ** 12n;

/** The part of all that an entry may ask for. */
export function partOf({ allIn }: BacktestSettings, fraction: number): number {
  return fraction === 1 && allIn === "below" ? NEARLY_ONE : fraction;
}

/** `price` moved by a fraction of its size: up for 1, down for -1. */
export function moved(price: number, direction: number, fraction: number): number {
  return price >= 0 ? price * (1 + direction * fraction) : price * (1 - direction * fraction);
}

/** The prices of one unit in account money: after slippage, and after the spread too. */
interface UnitPrice {
  readonly slipped: number;
  readonly entry: number;
}

/** The most units that `money` carries: the margin of their value and their commission. */
export function unitsFor(settings: BacktestSettings, money: number, fraction: number, at: UnitPrice): number {
  if (!(money > 0)) return 0;
  if (settings.fixedFeeSizing === "per_unit")
    return unitsWithFeePerUnit(settings, money, partOf(settings, fraction), at);
  const { commissionFixed, commissionRate, commissionPerUnit, commissionMinimum, margin } = settings;
  const price = Math.abs(at.entry);
  if (isCounted(settings) && settings.allIn !== "below") {
    const budget = times(exact(money), { above: SAME + 1n, below: SAME });
    const value = times(exact(lotOf(settings)), exact(price));
    const bound = times(value, exact(margin));
    const charged = plus(times(value, exact(commissionRate)), times(exact(lotOf(settings)), exact(commissionPerUnit)));
    return inLots(settings, (count) => {
      const commission = plus(exact(commissionFixed), times(charged, whole(count)));
      const due = isAtMost(commission, exact(commissionMinimum)) ? exact(commissionMinimum) : commission;
      return isAtMost(plus(times(bound, whole(count)), due), budget);
    });
  }
  const charged = bought(settings, money - commissionFixed, price * (margin + commissionRate) + commissionPerUnit);
  if (commissionMinimum === 0) return charged;
  return Math.min(charged, bought(settings, money - commissionMinimum, price * margin));
}

/** As backtesting.py has it: the fixed fee is a part of each unit's price, and leverage pays for fees too. */
function unitsWithFeePerUnit(settings: BacktestSettings, money: number, part: number, at: UnitPrice): number {
  const { commissionFixed, commissionRate, commissionPerUnit, commissionMinimum, margin } = settings;
  const power = money * (1 / margin);
  const fees = (commissionFixed + part * Math.abs(at.slipped) * commissionRate) / part + commissionPerUnit;
  const cost = Math.abs(at.entry) + fees;
  return Math.min(bought(settings, power, cost), bought(settings, power - commissionMinimum, cost));
}

/** Units for a budget at so much a unit, without costs. */
export function bought(settings: BacktestSettings, budget: number, unitCost: number): number {
  if (!(budget > 0) || !(unitCost > 0)) return 0;
  if (!isCounted(settings)) return budget / unitCost;
  const lotCost = unitCost * lotOf(settings);
  if (settings.allIn === "below") {
    const count = most((candidate) => isAtMost(times(exact(lotCost), whole(candidate)), exact(budget)));
    return Number(count) * lotOf(settings);
  }
  const nearly = times(exact(budget), { above: SAME + 1n, below: SAME });
  return inLots(settings, (count) => isAtMost(times(exact(lotCost), whole(count)), nearly));
}

/** A sum of units as it would be written in lots, where it is one but for rounding. */
export function tidied(settings: BacktestSettings, units: number): number {
  if (!isCounted(settings) || units <= 0) return units;
  const lot = lotOf(settings);
  const nearest = decimalProduct(lot, BigInt(Math.round(units / lot)));
  return Math.abs(nearest - units) <= units / Number(SAME) ? nearest : units;
}

/** The whole lots in `units`. */
export function wholeLotsIn(settings: BacktestSettings, units: number): number {
  if (!isCounted(settings)) return units;
  const lot = lotOf(settings);
  const nearly = times(exact(units), { above: SAME + 1n, below: SAME });
  return inLots(settings, (count) => isAtMost(times(exact(lot), whole(count)), nearly));
}

function isCounted({ lotSize, fractionalUnits }: Lots): boolean {
  return lotSize > 0 || !fractionalUnits;
}

function lotOf({ lotSize }: Lots): number {
  return lotSize > 0 ? lotSize : 1;
}

function inLots(settings: Lots, fits: (count: bigint) => boolean): number {
  return decimalProduct(lotOf(settings), most(fits));
}

/** Counts up for as long as it fits, in steps that double and then halve. */
function most(fits: (count: bigint) => boolean): bigint {
  let step = 1n;
  while (fits(step)) step *= 2n;
  let count = step / 2n;
  for (step = count / 2n; step > 0n; step /= 2n) if (fits(count + step)) count += step;
  return count;
}

/** The product in decimal, as it would be written: 3 · 0.1 is 0.3. */
function decimalProduct(lot: number, count: bigint): number {
  const [mantissa, exponent] = lot.toExponential().split("e");
  const [integer, fraction = ""] = mantissa.split(".");
  return Number(`${BigInt(integer + fraction) * count}e${Number(exponent) - fraction.length}`);
}

interface Ratio {
  readonly above: bigint;
  /** Above 0. */
  readonly below: bigint;
}

/** A double as the ratio that it is. */
function exact(value: number): Ratio {
  let [above, below] = [value, 1n];
  for (; !Number.isInteger(above); below *= 2n) above *= 2;
  return { above: BigInt(above), below };
}

function whole(count: bigint): Ratio {
  return { above: count, below: 1n };
}

function times(a: Ratio, b: Ratio): Ratio {
  return { above: a.above * b.above, below: a.below * b.below };
}

function plus(a: Ratio, b: Ratio): Ratio {
  return { above: a.above * b.below + b.above * a.below, below: a.below * b.below };
}

function isAtMost(a: Ratio, b: Ratio): boolean {
  return a.above * b.below <= b.above * a.below;
}

export function commissionOf(settings: BacktestSettings, units: number, price: number): number {
  const { commissionFixed, commissionRate, commissionPerUnit, commissionMinimum } = settings;
  const value = units * Math.abs(price);
  return Math.max(commissionMinimum, commissionFixed + value * commissionRate + units * commissionPerUnit);
}
