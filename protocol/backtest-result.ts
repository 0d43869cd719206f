/**
 * What a backtest hands back, identical bytes on every machine. The artefact is a ZIP archive: `result.json`, and the
 * long columns as Parquet (equity, trades, orders, chart); this is the whole, as code and as `ktrdr backtest --json` have it.
 * It holds no clock and no machine name; who ran it and when stands in the operation.
 */
import { z } from "zod";
import { sha256, symbol, timeframe, timestampMs } from "./identifiers.ts";
import { backtestSettings } from "./operations/index.ts";

export const BACKTEST_RESULT_FORMAT = "ktrdr.backtest.v2";
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

/** Trades of one side, or all of them. A figure is null where the count that it divides by, beside it, is 0. */
export const sideStatistics = z.strictObject({
  tradeCount: z.int(),
  /** With a profit above 0, and below 0, after costs. */
  winningTrades: z.int(),
  losingTrades: z.int(),
  winRatePercent: statistic,
  /** Of all of them, in money. */
  profit: statistic,
  commission: statistic,
  /** Mean return of a trade. */
  expectancyPercent: statistic,
  bestTradePercent: statistic,
  worstTradePercent: statistic,
  /** Money won over money lost; null without a losing trade. */
  profitFactor: statistic,
  averageWin: statistic,
  averageLoss: statistic,
  largestWin: statistic,
  largestLoss: statistic,
  averageBarsHeld: statistic,
  averageDurationMs: statistic,
  averageWinDurationMs: statistic,
  averageLossDurationMs: statistic,
  averageAdverseExcursionPercent: statistic,
  worstAdverseExcursionPercent: statistic,
  averageFavourableExcursionPercent: statistic,
  bestFavourableExcursionPercent: statistic,
});
export type SideStatistics = z.infer<typeof sideStatistics>;

/**
 * Figures from the bars' own simple returns, as ktrdr (Python) has them, annualised by the bars that the data itself has
 * in a year: mean over deviation times the root, not compounded as in `statistics`.
 */
export const barStatistics = z.strictObject({
  barsPerYear: statistic,
  /** Final less initial equity, money. */
  totalReturn: statistic,
  volatilityPercent: statistic,
  sharpeRatio: statistic,
  sortinoRatio: statistic,
  /** CAGR over the deepest drawdown. */
  calmarRatio: statistic,
  /** From the peak before the deepest drawdown (as a fraction) to its bottom, money. */
  maxDrawdown: statistic,
  /** Total return over `maxDrawdown`. */
  recoveryFactor: statistic,
});
export type BarStatistics = z.infer<typeof barStatistics>;

/**
 * The strategy beside what one could have held instead, without costs, over the same calendar periods. The risk-free
 * rate is 0.
 */
export const benchmarkComparison = z.strictObject({
  /** The symbol that is bought, at the close from which the strategy decides, and held. */
  symbol,
  returnPercent: statistic,
  /** The strategy's return less the benchmark's, percentage points. */
  excessReturnPercent: statistic,
  annualVolatilityPercent: statistic,
  sharpeRatio: statistic,
  maxDrawdownPercent: statistic,
  /** Jensen's: what the mean return has beyond beta times the benchmark's, percent a year. */
  alphaPercent: statistic,
  /** Covariance of the periods' returns over the benchmark's variance. */
  beta: statistic,
  correlation: statistic,
  /** Deviation of the difference of returns, percent a year. */
  trackingErrorPercent: statistic,
  /** Mean difference of returns over the tracking error, both a year. */
  informationRatio: statistic,
});
export type BenchmarkComparison = z.infer<typeof benchmarkComparison>;

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
  /** Net of commission and holding cost, in money. */
  pnl: z.number(),
  commission: z.number(),
  /** Short borrow and interest, money; in `pnl` too. */
  holdingCost: z.number(),
  returnPercent: z.number(),
  stopLoss: z.number().nullable(),
  takeProfit: z.number().nullable(),
  exitReason: z.enum(EXIT_REASONS),
  /** From the entry's bar to the exit's. */
  barsHeld: z.int(),
  /** How far the price went against the trade while it was open, at most 0: money, and percent of the entry value. */
  adverseExcursion: z.number(),
  adverseExcursionPercent: z.number(),
  /** How far it went with the trade, at least 0. */
  favourableExcursion: z.number(),
  favourableExcursionPercent: z.number(),
});
export type Trade = z.infer<typeof trade>;

/** An order and what became of it. A stop, target or other end of a trade that no signal gave is an order too. */
export const orderRecord = z.strictObject({
  side: z.enum(["buy", "sell"]),
  kind: z.enum(ORDER_KINDS),
  /** The bar at whose close it was placed; for a stop or target the bar of its entry. */
  placedBar: z.int(),
  placedTimeMs: timestampMs,
  /** What was asked for; null for a fraction of the equity. */
  units: z.number().nullable(),
  limitPrice: z.number().nullable(),
  stopPrice: z.number().nullable(),
  status: z.enum(ORDER_STATUSES),
  reason: z.enum(ORDER_REASONS),
  /** The bar in which it filled or ended; the last one for an order that still waits. */
  endedBar: z.int(),
  endedTimeMs: timestampMs,
  /** 0 unless it filled. */
  filledUnits: z.number(),
  /** Of the fill; null without one. */
  price: z.number().nullable(),
});
export type OrderRecord = z.infer<typeof orderRecord>;

/** Entries that became no position. */
export const refusalCounts = z.strictObject({
  /** The free equity did not pay for the smallest tradable amount. */
  noCash: z.int(),
  /** What was asked for is less than a unit or lot. */
  belowLot: z.int(),
  /** What is held, or the margin, leaves too little free. */
  margin: z.int(),
  /** As many entries as the strategy allows were held. */
  pyramiding: z.int(),
});
export type RefusalCounts = z.infer<typeof refusalCounts>;

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
  /** Equity of one who holds the benchmark, at the point's last bar; empty where it is undefined. */
  benchmark: z.array(z.number()),
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
  barStatistics,
  tradeSides: z.strictObject({ all: sideStatistics, long: sideStatistics, short: sideStatistics }),
  benchmark: benchmarkComparison,
  refusals: refusalCounts,
  monthlyReturns: z.array(monthlyReturn),
  trades: z.array(trade),
  /** By the bar of placing, then of ending. */
  orders: z.array(orderRecord),
  /** Marked at each bar's close. */
  equity: z.array(z.number()),
  /** What is held at each bar's close over the equity there, a fraction: negative for a short, above 1 on margin. */
  exposure: z.array(z.number()),
  chart: chartSeries,
  warnings: z.array(resultWarning),
});
export type BacktestResult = z.infer<typeof backtestResult>;
