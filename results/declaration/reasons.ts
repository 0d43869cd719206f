/** Reasons for which a statistic has no value. A result lists them in this order, then those of single statistics. */

export const NO_TRADE = "no trade was closed";
export const NO_LOSS = "no trade lost";
export const ONE_SIDED_TRADES = "it needs trades that won and trades that lost";
export const EQUAL_PROFITS = "it needs two trades with different profits";
export const NO_DRAWDOWN = "the equity was never below its peak for longer than a bar";
export const NOTHING_TO_DIVIDE = "there was no drawdown, or no return of a period, to divide";
export const STEADY_RETURNS = "the equity's returns did not vary, or there are fewer than three periods of them";
export const STEADY_PRICES =
  "prices did not move or were not above 0, there are fewer than three bars, or the account was ruined";
export const NO_TIME = "the bars span no time";
/** Serves buy-and-hold. */
export const NO_PRICE_TO_PAY = "the price that it begins with is not above 0";
/** Serves statistics that divide by a price or an equity, which hardly ever is 0. */
export const ZERO_DIVISOR = "it divides by zero here";

export const SHARED_REASONS: readonly string[] = [
  NO_TRADE,
  NO_LOSS,
  ONE_SIDED_TRADES,
  EQUAL_PROFITS,
  NO_DRAWDOWN,
  NOTHING_TO_DIVIDE,
  STEADY_RETURNS,
  STEADY_PRICES,
  NO_TIME,
];
