/**
 * A portfolio backtest's result. The artefact is a ZIP archive like a single backtest's: `result.json`, and as Parquet the
 * equity, the trades and the chart. Bars are counted on the portfolio's clock, the union of its symbols' times.
 */
import { z } from "zod";
import {
  backtestSettings,
  currency,
  PORTFOLIO_RESULT_FORMAT,
  resultWarning,
  sha256,
  statistic,
  symbol,
  timeframe,
  timestampMs,
} from "../protocol/index.ts";
import { monthlyReturn, resultHashes } from "./backtest-result.ts";
import { barStatistics } from "./figures/bar-figures.ts";
import { benchmarkComparison } from "./figures/benchmark-figures.ts";
import { tradeSides } from "./figures/side-figures.ts";
import { backtestStatistics } from "./figures/statistics.ts";
import { portfolioChart } from "./tables/chart.ts";
import { portfolioTrade } from "./tables/portfolio-trades.ts";

/** The contribution of one symbol, in money of the account. */
const portfolioContribution = z.strictObject({
  symbol,
  currency,
  /** SHA-256 of the dataset. */
  sha256,
  bars: z.int(),
  tradeCount: z.int(),
  winRatePercent: statistic,
  /** Profit of its trades and its open position, net of commission, with dividends. */
  profit: z.number(),
  /** Profit over the initial capital; the contributions add up to the return. */
  contributionPercent: z.number(),
  commission: z.number(),
  dividends: z.number(),
  /** Counts the moments of the clock at whose end it was held. */
  heldPercent: statistic,
  /** Units open at the end; negative for a short. */
  openSize: z.number(),
});
export type PortfolioContribution = z.infer<typeof portfolioContribution>;

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
  /** The data's hash is that of all symbols. */
  hashes: resultHashes,
  /** Buy and hold is the benchmark; exposure the share of moments with a position. */
  statistics: backtestStatistics,
  barStatistics,
  benchmark: benchmarkComparison.omit({ symbol: true }),
  tradeSides,
  /** Mean and highest of Σ |value| of the positions over the equity. */
  grossExposure: z.strictObject({ averagePercent: statistic, maxPercent: statistic }),
  refusals: z.strictObject({
    maxPositions: z.int(),
    noCash: z.int(),
    belowLot: z.int(),
    /** Results from before sizes were refused at a price of 0 lack it. */
    noSize: z.int().default(0),
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
