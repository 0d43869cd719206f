/** Computes the share of the account that stood in the market at each bar's close. */
import type { BarColumns } from "../../market-data/bars.ts";
import type { FinishedRun } from "./finished-run.ts";

/**
 * Value of the position over the equity, one fraction for each bar: negative for a short, 0 while flat or ruined. An
 * exit at a bar's open or within it leaves nothing at its close; one at its close (fills at the close) counts as gone
 * there.
 */
export function exposureOf(
  bars: BarColumns,
  { trades, openLots, equity }: Pick<FinishedRun, "trades" | "openLots" | "equity">,
): Float64Array {
  const exposure = new Float64Array(bars.rows);
  for (let row = 0; row < trades.count; row++)
    hold(exposure, trades.size[row], trades.entryBar[row], trades.exitBar[row]);
  for (const { size, entryBar } of openLots) hold(exposure, size, entryBar, bars.rows);
  const { rows, close } = bars;
  for (let bar = 0; bar < rows; bar++) {
    const units = exposure[bar];
    if (units !== 0) exposure[bar] = equity[bar] > 0 ? (units * close[bar]) / equity[bar] : 0;
  }
  return exposure;
}

function hold(units: Float64Array, size: number, from: number, to: number): void {
  for (let bar = from; bar < to; bar++) units[bar] += size;
}
