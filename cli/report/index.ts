/** What a person sees of a backtest: the HTML report and the table on the terminal. */
export { type ReportOptions, renderBacktestReport } from "./html.ts";
export { renderPortfolioReport } from "./portfolio-html.ts";
export { renderPortfolioTable } from "./portfolio-terminal.ts";
export { renderStatisticsTable, type TerminalOptions, terminalOptions } from "./terminal.ts";
