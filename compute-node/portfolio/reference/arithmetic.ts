/** Money, sizes and periods as the slow portfolio engine reckons them; nothing in here is shared with the fast one. */
import { DAY_MS } from "../../../protocol/durations.ts";
import type { BacktestSettings } from "../../../protocol/operations/index.ts";

/** As many lots as `budget` pays, found by counting. */
export function lotsWithin(
  { lotSize, fractionalUnits }: Pick<BacktestSettings, "lotSize" | "fractionalUnits">,
  budget: number,
  unitCost: number,
): number {
  const lot = lotSize === 0 ? 1 : lotSize;
  const cost = unitCost * lot;
  let count = Math.max(0, budget) / cost;
  if (!fractionalUnits || lotSize > 0) {
    count = Math.round(count);
    while (count > 0 && count * cost > budget) count--;
    while ((count + 1) * cost <= budget) count++;
  }
  return count * lot;
}

/** The same, where the least commission is to be left too. */
export function lotsPaid(settings: BacktestSettings, budget: number, unitCost: number): number {
  const rest = budget - settings.commissionMinimum;
  return Math.min(lotsWithin(settings, budget, unitCost), lotsWithin(settings, rest, unitCost));
}

export function commissionOf(settings: BacktestSettings, units: number, price: number): number {
  const { commissionFixed, commissionRate, commissionPerUnit, commissionMinimum } = settings;
  return Math.max(commissionMinimum, commissionFixed + units * price * commissionRate + units * commissionPerUnit);
}

/** True when a rebalance is due at the moment: every so many, or at the first one of each period. */
export function isRebalance(
  every: "daily" | "weekly" | "monthly" | number | undefined,
  clock: readonly number[],
  moment: number,
): boolean {
  if (every === undefined) return false;
  if (typeof every === "number") return moment % every === 0;
  const period = (time: number) => {
    const date = new Date(time);
    if (every === "monthly") return date.getUTCFullYear() * 12 + date.getUTCMonth();
    const day = Math.floor(time / DAY_MS);
    return every === "daily" ? day : Math.floor((day + 3) / 7);
  };
  return moment === 0 || period(clock[moment]) !== period(clock[moment - 1]);
}

/** Standard deviation (n − 1). */
export function deviationOf(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}
