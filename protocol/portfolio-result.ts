/** The format of a portfolio's result, and the reasons that it names. `results/` has the whole. */
import { EXIT_REASONS } from "./backtest-result.ts";

export const PORTFOLIO_RESULT_FORMAT = "ktrdr.portfolio.v2";
export const PORTFOLIO_RESULT_MEDIA_TYPE = "application/vnd.ktrdr.portfolio+zip";

export const PORTFOLIO_EXIT_REASONS = [...EXIT_REASONS, "rebalance"] as const;
export type PortfolioExitReason = (typeof PORTFOLIO_EXIT_REASONS)[number];

/**
 * Reasons for which an entry became no position: every place was taken, the free equity did not pay for it, its share is below a unit
 * or lot, its price was 0, its rank or its weight has no value, or its symbol has no bar any more.
 */
export const PORTFOLIO_REFUSALS = [
  "max_positions",
  "no_cash",
  "below_lot",
  "no_size",
  "no_rank",
  "no_weight",
  "no_bar",
] as const;
export type PortfolioRefusal = (typeof PORTFOLIO_REFUSALS)[number];
