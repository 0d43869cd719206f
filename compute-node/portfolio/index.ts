/** Backtests of many symbols on one account. */
export { runPortfolio } from "./engine.ts";
