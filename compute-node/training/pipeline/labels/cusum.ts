/** Bars at which something has happened: the symmetric CUSUM filter (López de Prado 2018, section 2.5.2.1). */
import type { BarColumns } from "../../../market-data/bars.ts";
import { returnDeviation } from "./volatility.ts";

/**
 * 1 for each bar at which the log returns less `threshold` each have added up to more than `threshold`, on either side;
 * that side then starts anew.
 */
export function cusumEvents({ close, rows }: BarColumns, threshold: number): Uint8Array {
  const events = new Uint8Array(rows);
  let above = 0;
  let below = 0;
  for (let row = 1; row < rows; row++) {
    const change = Math.log(close[row] / close[row - 1]);
    above = Math.max(0, above + change - threshold);
    below = Math.min(0, below + change + threshold);
    if (above > threshold) {
      events[row] = 1;
      above = 0;
    } else if (below < -threshold) {
      events[row] = 1;
      below = 0;
    }
  }
  return events;
}

/** `multiplier` times the mean deviation of the returns over all bars. */
export function cusumThreshold(bars: BarColumns, volSpan: number, multiplier: number): number {
  let sum = 0;
  let count = 0;
  for (const deviation of returnDeviation(bars, volSpan)) {
    if (Number.isNaN(deviation)) continue;
    sum += deviation;
    count++;
  }
  return count === 0 ? 0 : (multiplier * sum) / count;
}
