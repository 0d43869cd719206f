/**
 * What a portfolio backtest hands back. The artefact is a ZIP archive like a single backtest's: `result.json`, and as
 * Parquet the equity, the trades and the chart. Bars are counted on the portfolio's clock, the union of its symbols' times.
 */
import { z } from "zod";
import {
  backtestStatistics,
  barStatistics,
  benchmarkComparison,
  EXIT_REASONS,
  monthlyReturn,
  resultWarning,
  sideStatistics,
  statistic,
} from "./backtest-result.ts";
import { sha256, symbol, timeframe, timestampMs } from "./identifiers.ts";
import { backtestSettings } from "./operations/index.ts";
import { currency } from "./portfolio.ts";

export const PORTFOLIO_RESULT_FORMAT = "ktrdr.portfolio.v1";
export const PORTFOLIO_RESULT_MEDIA_TYPE = "application/vnd.ktrdr.portfolio+zip";

export const PORTFOLIO_EXIT_REASONS = [...EXIT_REASONS, "rebalance"] as const;
export type PortfolioExitReason = (typeof PORTFOLIO_EXIT_REASONS)[number];

/**
 * Why an entry became no position: every place was taken, the free equity was used up, its share is below a unit or lot,
 * its rank or its weight has no value, or its symbol has no bar any more.
 */
export const PORTFOLIO_REFUSALS = ["max_positions", "no_cash", "below_lot", "no_rank", "no_weight", "no_bar"] as const;
export type PortfolioRefusal = (typeof PORTFOLIO_REFUSALS)[number];

export const portfolioTrade = z.strictObject({
  symbol,
  /** Units of the exit; negative for a short. */
  size: z.number(),
  entryBar: z.int(),
  exitBar: z.int(),
  entryTimeMs: timestampMs,
  exitTimeMs: timestampMs,
  /** In the symbol's currency; the average where the position grew, and in the exit's units after a split. */
  entryPrice: z.number(),
  exitPrice: z.number(),
  /** Account money: net of commission, with dividends. */
  pnl: z.number(),
  commission: z.number(),
  dividends: z.number(),
  returnPercent: z.number(),
  stopLoss: z.number().nullable(),
  takeProfit: z.number().nullable(),
  exitReason: z.enum(PORTFOLIO_EXIT_REASONS),
  /** How far the price went against the trade, at most 0, and with it, at least 0; of the entry price. */
  adverseExcursionPercent: z.number(),
  favourableExcursionPercent: z.number(),
});
export type PortfolioTrade = z.infer<typeof portfolioTrade>;

/** What one symbol gave. Money of the account. */
export const portfolioContribution = z.strictObject({
  symbol,
  currency,
  /** Of the dataset. */
  sha256,
  bars: z.int(),
  tradeCount: z.int(),
  winRatePercent: statistic,
  /** Of its trades and of what is open, net of commission, with dividends. */
  profit: z.number(),
  /** Profit over the initial capital; the contributions add up to the return. */
  contributionPercent: z.number(),
  commission: z.number(),
  dividends: z.number(),
  /** Moments of the clock at whose end it was held. */
  heldPercent: statistic,
  /** Units open at the end; negative for a short. */
  openSize: z.number(),
});
export type PortfolioContribution = z.infer<typeof portfolioContribution>;

/** At most a few thousand points, each at its last moment; drawdown the deepest within it, as a negative percentage. */
export const portfolioChart = z.strictObject({
  barsPerPoint: z.int().min(1),
  timeMs: z.array(timestampMs),
  equity: z.array(z.number()),
  drawdownPercent: z.array(z.number()),
  /** Equal money in every symbol from its first bar on, held. */
  benchmark: z.array(z.number()),
  exposurePercent: z.array(z.number()),
});
export type PortfolioChart = z.infer<typeof portfolioChart>;

export const portfolioResult = z.strictObject({
  format: z.literal(PORTFOLIO_RESULT_FORMAT),
  strategyName: z.string(),
  timeframe,
  accountCurrency: currency,
  /** Moments of the clock, and bars of all symbols together. */
  bars: z.int(),
  symbolBars: z.int(),
  parameters: z.record(z.string(), z.number()),
  settings: backtestSettings,
  /** Specification, data of all symbols and engine: the same three give the same bytes. */
  hashes: z.strictObject({ spec: sha256, data: sha256, engine: sha256 }),
  /** Buy and hold is the benchmark; exposure the share of moments with a position. */
  statistics: backtestStatistics,
  barStatistics,
  benchmark: benchmarkComparison.omit({ symbol: true }),
  tradeSides: z.strictObject({ all: sideStatistics, long: sideStatistics, short: sideStatistics }),
  /** Mean and highest of Σ |value| of the positions over the equity. */
  grossExposure: z.strictObject({ averagePercent: statistic, maxPercent: statistic }),
  refusals: z.strictObject({
    maxPositions: z.int(),
    noCash: z.int(),
    belowLot: z.int(),
    noRank: z.int(),
    noWeight: z.int(),
    noBar: z.int(),
  }),
  /** By name. */
  symbols: z.array(portfolioContribution),
  monthlyReturns: z.array(monthlyReturn),
  trades: z.array(portfolioTrade),
  timeMs: z.array(timestampMs),
  /** Marked at each moment's end. */
  equity: z.array(z.number()),
  /** Σ |value| of the positions over the equity, a fraction. */
  exposure: z.array(z.number()),
  positions: z.array(z.int()),
  chart: portfolioChart,
  warnings: z.array(resultWarning),
});
export type PortfolioResult = z.infer<typeof portfolioResult>;
