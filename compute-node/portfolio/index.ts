/** Backtests of many symbols on one account. */
export { parseCorporateActions } from "./corporate-actions.ts";
export { runPortfolio } from "./engine.ts";
export { executePortfolio, PORTFOLIO_ENGINE_VERSION, type PortfolioArtefact } from "./execute.ts";
export type { PortfolioPlan, PortfolioRun, PortfolioSymbol } from "./portfolio-model.ts";
