/** Reads results in every program: schemas, archives, figures and their format. Nothing here needs Node. */
export { decodeBacktestResult, encodeBacktestResult } from "./archive/backtest-archive.ts";
export { drawdownPercent, listOf } from "./archive/column-values.ts";
export { readParquet, writeParquet } from "./archive/parquet-table.ts";
export { decodePortfolioResult, encodePortfolioResult, isPortfolioResult } from "./archive/portfolio-archive.ts";
export { readZip } from "./archive/stored-zip.ts";
export { type BacktestResult, backtestResult, type MonthlyReturn } from "./backtest-result.ts";
export {
  aboveRounding,
  EXAMPLE_RUN,
  type FigureForm,
  nonZero,
  type RunMeasures,
  squaresAboutMean,
  varyingMoney,
} from "./declaration/index.ts";
export {
  type BacktestStatistics,
  type BarStatistics,
  type BenchmarkComparison,
  backtestStatistics,
  type FigureGroup,
  type FigureRow,
  figureGroups,
  formatExact,
  formatFigure,
  formatNumber,
  formatTime,
  GROUPED_STATISTICS,
  HEADLINE_STATISTICS,
  jsonNumber,
  SIDE_ROWS,
  SIDES,
  type SideStatistics,
  STATISTICS,
  type StatisticValue,
  sideStatistics,
  statisticsOf,
  UNDEFINED_FIGURE,
  undefinedByReason,
  unitText,
} from "./figures/index.ts";
export { type PortfolioContribution, type PortfolioResult, portfolioResult } from "./portfolio-result.ts";
export type { ChartSeries, PortfolioChart } from "./tables/chart.ts";
export type { OrderRecord } from "./tables/orders.ts";
export type { PortfolioTrade } from "./tables/portfolio-trades.ts";
export type { Trade } from "./tables/trades.ts";
