/**
 * A backtest's result, identical bytes on every machine. The artefact is a ZIP archive: `result.json`, and the long columns as
 * Parquet (equity, trades, orders, chart). This is the whole, in the form of code and of `ktrdr backtest --json`. It holds no
 * clock and no machine name: the operation has them.
 */
import { z } from "zod";
import {
  BACKTEST_RESULT_FORMAT,
  backtestSettings,
  resultWarning,
  sha256,
  symbol,
  timeframe,
} from "../protocol/index.ts";
import { barStatistics } from "./figures/bar-figures.ts";
import { benchmarkComparison } from "./figures/benchmark-figures.ts";
import { refusalCounts } from "./figures/refusal-figures.ts";
import { tradeSides } from "./figures/side-figures.ts";
import { backtestStatistics } from "./figures/statistics.ts";
import { chartSeries } from "./tables/chart.ts";
import { orderRecord } from "./tables/orders.ts";
import { trade } from "./tables/trades.ts";

export const monthlyReturn = z.strictObject({
  year: z.int(),
  month: z.int().min(1).max(12),
  returnPercent: z.number(),
});
export type MonthlyReturn = z.infer<typeof monthlyReturn>;

/** Specification, data and engine: the same three give the same bytes. */
export const resultHashes = z.strictObject({ spec: sha256, data: sha256, engine: sha256 });

export const backtestResult = z.strictObject({
  format: z.literal(BACKTEST_RESULT_FORMAT),
  strategyName: z.string(),
  symbol,
  timeframe,
  bars: z.int(),
  parameters: z.record(z.string(), z.number()),
  settings: backtestSettings,
  hashes: resultHashes,
  statistics: backtestStatistics,
  barStatistics,
  tradeSides,
  benchmark: benchmarkComparison,
  refusals: refusalCounts,
  monthlyReturns: z.array(monthlyReturn),
  trades: z.array(trade),
  /** Sorted by the bar of placing, then of ending. */
  orders: z.array(orderRecord),
  /** Marked at each bar's close. */
  equity: z.array(z.number()),
  /** Position value over equity at each bar's close, a fraction: negative for a short, above 1 on margin. */
  exposure: z.array(z.number()),
  chart: chartSeries,
  warnings: z.array(resultWarning),
});
export type BacktestResult = z.infer<typeof backtestResult>;
