/** The return over the next bars, as it is or as one of three directions. */
import { Problem } from "../../../../protocol/problem.ts";
import type { BarColumns } from "../../../market-data/bars.ts";
import type { Labels } from "./bar-labels.ts";
import { type ConfigOf, classNamesOf } from "./label-config.ts";

/** (close[t + horizon] - close[t]) / close[t]; the last `horizon` bars have none. */
export function labelForwardReturn(bars: BarColumns, { horizon }: ConfigOf<"forward_return">): Labels {
  return { classNames: [], values: forwardReturns(bars, horizon), settledAt: after(bars.rows, horizon), weights: null };
}

const [BULLISH, BEARISH, NEUTRAL] = [0, 1, 2];

export function labelContext(bars: BarColumns, config: ConfigOf<"context">): Labels {
  const { horizon, bullishThreshold, bearishThreshold } = config;
  const values = forwardReturns(bars, horizon);
  const { close } = bars;
  for (let row = 0; row + horizon < bars.rows; row++) {
    // Not from the rounded value: a return exactly at a threshold is neutral.
    const change = (close[row + horizon] - close[row]) / close[row];
    values[row] = change > bullishThreshold ? BULLISH : change < bearishThreshold ? BEARISH : NEUTRAL;
  }
  return { classNames: classNamesOf("context"), values, settledAt: after(bars.rows, horizon), weights: null };
}

function forwardReturns({ close, rows, timeMs }: BarColumns, horizon: number): Float32Array {
  if (rows <= horizon)
    throw new Problem("invalid-data", `${rows} bars are too few for labels ${horizon} bars ahead.`, {
      cure: `Give at least ${horizon + 1} bars, or lower horizon.`,
    });
  const values = new Float32Array(rows).fill(Number.NaN);
  for (let row = 0; row + horizon < rows; row++) {
    if (close[row] === 0)
      throw new Problem("invalid-data", `The close of ${new Date(timeMs[row]).toISOString()} is 0: it has no return.`, {
        cure: "Correct this price, or remove the bar.",
      });
    values[row] = (close[row + horizon] - close[row]) / close[row];
  }
  return values;
}

function after(rows: number, horizon: number): Int32Array {
  const bars = new Int32Array(rows);
  for (let row = 0; row < rows; row++) bars[row] = Math.min(row + horizon, rows);
  return bars;
}
