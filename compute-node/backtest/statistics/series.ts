/** Summaries along time: monthly returns, the drawdown curve, and the series that a chart shows. */

import type { ChartSeries, MonthlyReturn } from "../../../results/index.ts";
import type { BarColumns } from "../../market-data/bars.ts";
import { nextPeriodStart } from "../engine/calendar.ts";

/** As many points as a wide screen can tell apart. */
export const MAX_CHART_POINTS = 4000;

/** The change of equity in each calendar month (UTC) that has bars; the first one from the first bar's equity. */
export function monthlyReturns(timeMs: Float64Array, equity: Float64Array): MonthlyReturn[] {
  const months: MonthlyReturn[] = [];
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
