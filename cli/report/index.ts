/** Shows a backtest or a training run to people: the HTML report and the table on the terminal. */
export { renderBacktestReport } from "./html.ts";
export { renderPortfolioReport } from "./portfolio-html.ts";
export { renderPortfolioTable } from "./portfolio-terminal.ts";
export { renderStatisticsTable, terminalOptions } from "./terminal.ts";
export { renderTrainingReport } from "./training-html.ts";
export { renderTrainingTable } from "./training-terminal.ts";
