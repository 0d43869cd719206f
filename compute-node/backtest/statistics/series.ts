/** Summaries along time: monthly returns, the drawdown curve, and the series that a chart shows. */

import type { z } from "zod";
import type { ChartSeries, monthlyReturn } from "../../../protocol/backtest-result.ts";
import type { BarColumns } from "../../market-data/bars.ts";
import { nextPeriodStart } from "../engine/calendar.ts";

/** As many points as a wide screen can tell apart. */
export const MAX_CHART_POINTS = 4000;

/** The change of equity in each calendar month (UTC) that has bars; the first one from the first bar's equity. */
export function monthlyReturns(timeMs: Float64Array, equity: Float64Array): z.infer<typeof monthlyReturn>[] {
  const months: z.infer<typeof monthlyReturn>[] = [];
  let base = equity[0];
  let bar = 0;
  while (bar < timeMs.length) {
    const start = new Date(timeMs[bar]);
    const end = nextPeriodStart("month", timeMs[bar]);
    while (bar < timeMs.length && timeMs[bar] < end) bar++;
    const last = equity[bar - 1];
    months.push({
      year: start.getUTCFullYear(),
      month: start.getUTCMonth() + 1,
      // A ruined account has nothing left to lose.
      returnPercent: base === 0 ? 0 : (last / base - 1) * 100,
    });
    base = last;
  }
  return months;
}

/** As a list; a plain loop takes a quarter of the time of `Array.from`. */
export function listOf(values: Float64Array): number[] {
  const list = new Array<number>(values.length);
  for (let index = 0; index < values.length; index++) list[index] = values[index];
  return list;
}

/** At each bar, how far equity stands below its highest value so far, as a percentage from -100 to 0. */
export function drawdownPercent(equity: Float64Array): Float64Array {
  const result = new Float64Array(equity.length);
  let peak = -Infinity;
  for (let bar = 0; bar < equity.length; bar++) {
    if (equity[bar] > peak) peak = equity[bar];
    result[bar] = (equity[bar] / peak - 1) * 100;
  }
  return result;
}

/**
 * At most `MAX_CHART_POINTS` points of equally many bars each (the last may have fewer). `benchmark` is another equity,
 * a value a bar, or null.
 */
export function chartSeries(
  bars: BarColumns,
  equity: Float64Array,
  benchmark: Float64Array | null = null,
): ChartSeries {
  const { rows, timeMs, open, high, low, close } = bars;
  const barsPerPoint = Math.max(1, Math.ceil(rows / MAX_CHART_POINTS));
  const chart: ChartSeries = {
    barsPerPoint,
    timeMs: [],
    open: [],
    high: [],
    low: [],
    close: [],
    equity: [],
    drawdownPercent: [],
    benchmark: [],
  };
  let peak = -Infinity;
  for (let first = 0; first < rows; first += barsPerPoint) {
    const end = Math.min(first + barsPerPoint, rows);
    let [highest, lowest, deepest] = [-Infinity, Infinity, 0];
    for (let bar = first; bar < end; bar++) {
      if (high[bar] > highest) highest = high[bar];
      if (low[bar] < lowest) lowest = low[bar];
      const value = equity[bar];
      if (value > peak) peak = value;
      const drawdown = value / peak - 1;
      if (drawdown < deepest) deepest = drawdown;
    }
    chart.timeMs.push(timeMs[first]);
    chart.open.push(open[first]);
    chart.high.push(highest);
    chart.low.push(lowest);
    chart.close.push(close[end - 1]);
    chart.equity.push(equity[end - 1]);
    chart.drawdownPercent.push(deepest * 100);
    if (benchmark !== null) chart.benchmark.push(benchmark[end - 1]);
  }
  return chart;
}
