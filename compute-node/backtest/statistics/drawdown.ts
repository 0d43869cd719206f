/** Drawdowns of an equity curve: how far and for how long it stood below its last peak. */
import type { RunMeasures } from "../../../results/index.ts";

/**
 * One pass. An episode is a stretch of bars below the peak before it, of at least one bar between two peak bars; an
 * unfinished one counts up to the last bar, when it has more than that bar.
 */
export function summarizeDrawdowns(equity: Float64Array, timeMs: Float64Array): RunMeasures["drawdown"] {
  const rows = equity.length;
  let peak = rows > 0 ? equity[0] : Number.NaN;
  let peakBar = 0;
  let lowest = peak;
  let maxFraction = 0;
  let maxDurationMs = Number.NaN;
  let fractionSum = 0;
  let durationSum = 0;
  let episodes = 0;
  for (let bar = 1; bar < rows; bar++) {
    const value = equity[bar];
    if (value < lowest) lowest = value;
    if (value < peak && bar < rows - 1) continue;
    if (lowest < peak) {
      // Division and subtraction are monotonic, so the lowest equity gives the deepest drawdown exactly.
      const fraction = 1 - lowest / peak;
      if (fraction > maxFraction) maxFraction = fraction;
      if (bar > peakBar + 1) {
        const durationMs = timeMs[bar] - timeMs[peakBar];
        if (!(durationMs <= maxDurationMs)) maxDurationMs = durationMs;
        durationSum += durationMs;
        fractionSum += fraction;
        episodes++;
      }
    }
    peakBar = bar;
    if (value > peak) peak = value;
    lowest = peak;
  }
  return {
    peak,
    maxFraction,
    averageFraction: fractionSum / episodes,
    maxDurationMs,
    averageDurationMs: durationSum / episodes,
  };
}
