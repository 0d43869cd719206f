/** Periods and weights as the slow portfolio engine reckons them; nothing in here is shared with the fast one. */
import { DAY_MS } from "../../../protocol/durations.ts";

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

/** One over the deviation of the last `count` returns of the close, over splits; 0 without one. */
export function stillness(close: Float64Array, bar: number, count: number, splitAt: (bar: number) => number): number {
  if (bar < count) return 0;
  const returns = Array.from({ length: count }, (_, back) => {
    const at = bar - back;
    return (close[at] * splitAt(at)) / close[at - 1] - 1;
  });
  const deviation = deviationOf(returns);
  return deviation > 0 && Number.isFinite(1 / deviation) ? 1 / deviation : 0;
}

/** Standard deviation (n − 1). */
function deviationOf(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}
