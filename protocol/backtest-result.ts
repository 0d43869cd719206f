/**
 * What a backtest hands back, identical bytes on every machine. The artefact is a ZIP archive: `result.json`, and the
 * long columns as Parquet (equity, trades, chart); this is the whole, as code and as `ktrdr backtest --json` have it.
 * It holds no clock and no machine name; who ran it and when stands in the operation.
 */
import { z } from "zod";
import { sha256, symbol, timeframe, timestampMs } from "./identifiers.ts";
import { backtestSettings } from "./operations.ts";

export const BACKTEST_RESULT_FORMAT = "ktrdr.backtest.v1";
export const BACKTEST_RESULT_MEDIA_TYPE = "application/vnd.ktrdr.backtest+zip";

/** JSON has no NaN and no infinity: an undefined statistic is null, an infinite one the text "Infinity". */
export const statistic = z.union([z.number(), z.literal("Infinity"), z.literal("-Infinity"), z.null()]);

/** Names and units: percent as 12.5, money in the account's currency, durations in milliseconds. */
export const backtestStatistics = z.strictObject({
  startMs: timestampMs,
  endMs: timestampMs,
  durationMs: z.int(),
  exposurePercent: statistic,
  equityFinal: statistic,
  equityPeak: statistic,
  returnPercent: statistic,
  buyAndHoldReturnPercent: statistic,
  annualReturnPercent: statistic,
  annualVolatilityPercent: statistic,
  cagrPercent: statistic,
  sharpeRatio: statistic,
  sortinoRatio: statistic,
  calmarRatio: statistic,
  alphaPercent: statistic,
  beta: statistic,
  maxDrawdownPercent: statistic,
  averageDrawdownPercent: statistic,
  maxDrawdownDurationMs: statistic,
  averageDrawdownDurationMs: statistic,
  tradeCount: z.int(),
  winRatePercent: statistic,
  bestTradePercent: statistic,
  worstTradePercent: statistic,
  averageTradePercent: statistic,
  maxTradeDurationMs: statistic,
  averageTradeDurationMs: statistic,
  profitFactor: statistic,
  expectancyPercent: statistic,
  sqn: statistic,
  kellyCriterion: statistic,
});
export type BacktestStatistics = z.infer<typeof backtestStatistics>;

export const EXIT_REASONS = [
  "signal",
  "stop_loss",
  "take_profit",
  "end_of_data",
  "ruin",
  "trailing_stop",
  "time_stop",
  "liquidation",
] as const;

/** Why an entry did not become a position. */
export const REFUSAL_REASONS = ["no_cash", "below_lot", "margin", "pyramiding"] as const;
export const ORDER_KINDS = ["market", "limit", "stop", "stop_limit"] as const;
export const ORDER_STATUSES = ["filled", "cancelled", "expired", "refused", "waiting"] as const;
/** Why an order ended as it did: for a fill, what the trade was for. */
export const ORDER_REASONS = [
  ...EXIT_REASONS,
  /** Cancelled: by the strategy; by another of its group; because what it would have closed was gone. */
  "withdrawn",
  "group_filled",
  "position_closed",
  /** Expired. */
  "day_over",
  ...REFUSAL_REASONS,
] as const;

export const trade = z.strictObject({
  /** Units; negative for a short. */
  size: z.number(),
  /** Bars are counted from 0, within the tested range. */
  entryBar: z.int(),
  exitBar: z.int(),
  entryTimeMs: timestampMs,
  exitTimeMs: timestampMs,
  entryPrice: z.number(),
  exitPrice: z.number(),
  /** Net of commission, in money. */
  pnl: z.number(),
  commission: z.number(),
  returnPercent: z.number(),
  stopLoss: z.number().nullable(),
  takeProfit: z.number().nullable(),
  exitReason: z.enum(EXIT_REASONS),
});
export type Trade = z.infer<typeof trade>;

/** Something that the reader must know and that stopped nothing: an order below one unit, a gap in the data. */
export const resultWarning = z.strictObject({ code: z.string(), message: z.string(), count: z.int().min(1) });
export type ResultWarning = z.infer<typeof resultWarning>;

/** A picture's worth of the run: at most a few thousand points; each sums up `barsPerPoint` bars. */
export const chartSeries = z.strictObject({
  barsPerPoint: z.int().min(1),
  timeMs: z.array(timestampMs),
  open: z.array(z.number()),
  high: z.array(z.number()),
  low: z.array(z.number()),
  close: z.array(z.number()),
  /** At the point's last bar. */
  equity: z.array(z.number()),
  /** The deepest within the point, as a negative percentage. */
  drawdownPercent: z.array(z.number()),
});
export type ChartSeries = z.infer<typeof chartSeries>;

export const monthlyReturn = z.strictObject({
  year: z.int(),
  month: z.int().min(1).max(12),
  returnPercent: z.number(),
});

export const backtestResult = z.strictObject({
  format: z.literal(BACKTEST_RESULT_FORMAT),
  strategyName: z.string(),
  symbol,
  timeframe,
  bars: z.int(),
  parameters: z.record(z.string(), z.number()),
  settings: backtestSettings,
  /** Specification, data and engine: the same three give the same bytes. */
  hashes: z.strictObject({ spec: sha256, data: sha256, engine: sha256 }),
  statistics: backtestStatistics,
  monthlyReturns: z.array(monthlyReturn),
  trades: z.array(trade),
  /** Marked at each bar's close. */
  equity: z.array(z.number()),
  chart: chartSeries,
  warnings: z.array(resultWarning),
});
export type BacktestResult = z.infer<typeof backtestResult>;
