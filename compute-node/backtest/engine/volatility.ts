/** Measures how much prices move in a year, from the bars so far. */
import { DAY_MS } from "../../../protocol/durations.ts";

const YEAR_MS = 365.25 * DAY_MS;

/**
 * The standard deviation (n − 1) of the `window` returns up to `bar`, times the root of the bars in a year, which are
 * counted in the data up to `bar`. A fraction; NaN below `window` returns. Reads no later bar.
 */
export function annualVolatility(
  { timeMs, close }: { readonly timeMs: Float64Array; readonly close: Float64Array },
  bar: number,
  window: number,
): number {
  const first = bar - window + 1;
  if (first < 1 || window < 2) return Number.NaN;
  let sum = 0;
  for (let index = first; index <= bar; index++) sum += close[index] / close[index - 1] - 1;
  const mean = sum / window;
  let squares = 0;
  for (let index = first; index <= bar; index++) squares += (close[index] / close[index - 1] - 1 - mean) ** 2;
  const barsPerYear = (bar * YEAR_MS) / (timeMs[bar] - timeMs[0]);
  return Math.sqrt((squares / (window - 1)) * barsPerYear);
}

/** The fraction of the equity times leverage that has `target` volatility a year, at most 1; NaN where it is unknown. */
export function volatilityFraction(target: number, volatility: number, margin: number): number {
  return Math.min(1, (target / volatility) * margin);
}
