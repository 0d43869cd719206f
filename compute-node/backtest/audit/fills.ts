/** The fills of a run as columns that the audit compares: an order that fills before its decision changes one of them. */

import { EXIT_REASONS } from "../../../protocol/backtest-result.ts";
import { DAY_MS } from "../../../protocol/durations.ts";
import type { BacktestSettings } from "../../../protocol/operations/index.ts";
import { allocateBars, BAR_COLUMN_NAMES, type BarColumns } from "../../market-data/bars.ts";
import type { OpenPosition } from "../engine/engine-result.ts";
import type { TradeLog } from "../engine/trade-log.ts";
import type { AuditedColumn } from "./audit.ts";

interface FilledRun {
  readonly trades: TradeLog;
  readonly openLots: readonly OpenPosition[];
}

/**
 * Units bought and sold at each bar, and the money that they cost and brought, without the fills that the end of a run itself makes.
 * With fills at the close, the last bar is left out: the decision on it fills only when the next bar comes.
 */
export function fillColumns(
  { trades, openLots }: FilledRun,
  rows: number,
  fillAt: BacktestSettings["fillAt"],
): AuditedColumn[] {
  const names = ["units bought", "units sold", "money paid", "money received"] as const;
  const sums = names.map(() => new Float64Array(rows));
  const add = (size: number, bar: number, price: number) => {
    const side = size > 0 ? 0 : 1;
    sums[side][bar] += Math.abs(size);
    sums[side + 2][bar] += Math.abs(size) * price;
  };
  for (let row = 0; row < trades.count; row++) {
    add(trades.size[row], trades.entryBar[row], trades.entryPrice[row]);
    const reason = EXIT_REASONS[trades.exitReason[row]];
    if (reason !== "end_of_data" && reason !== "ruin")
      add(-trades.size[row], trades.exitBar[row], trades.exitPrice[row]);
  }
  for (const { size, entryBar, entryPrice } of openLots) add(size, entryBar, entryPrice);
  const compared = fillAt === "close" ? rows - 1 : rows;
  return names.map((name, k) => ({ kind: "fill", name, values: sums[k].subarray(0, compared).map(withoutNoise) }));
}

/** Decimal digits that no order of adding changes: a lot that leaves in parts is entered in parts. */
const SURE_DIGITS = 9;

function withoutNoise(sum: number): number {
  return Number(sum.toPrecision(SURE_DIGITS));
}

/** The bars and one more in which nothing happens: with it, an order of the last bar fills after its decision. */
export function withQuietBar(bars: BarColumns): BarColumns {
  const { rows } = bars;
  const longer = allocateBars(rows + 1);
  const close = bars.close[rows - 1];
  for (const name of BAR_COLUMN_NAMES) {
    longer[name].set(bars[name].subarray(0, rows));
    longer[name][rows] = close;
  }
  longer.volume[rows] = 0;
  longer.timeMs[rows] = bars.timeMs[rows - 1] + (rows > 1 ? bars.timeMs[rows - 1] - bars.timeMs[rows - 2] : DAY_MS);
  return longer;
}
