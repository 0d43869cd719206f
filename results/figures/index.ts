/** Figures of a result: their declarations, their groups and their format. */
export { BAR_FIGURES, type BarStatistics } from "./bar-figures.ts";
export { BENCHMARK_FIGURES, type BenchmarkComparison } from "./benchmark-figures.ts";
export { type FigureGroup, type FigureRow, figureGroups, SIDE_ROWS } from "./figure-groups.ts";
export {
  formatExact,
  formatFigure,
  formatNumber,
  formatTime,
  type StatisticValue,
  UNDEFINED_FIGURE,
  unitText,
} from "./number-format.ts";
export { REFUSAL_FIGURES } from "./refusal-figures.ts";
export { SIDE_FIGURES, SIDES, type SideStatistics, sideStatistics } from "./side-figures.ts";
export {
  type BacktestStatistics,
  backtestStatistics,
  GROUPED_STATISTICS,
  HEADLINE_STATISTICS,
  jsonNumber,
  STATISTICS,
  statisticsOf,
  undefinedByReason,
} from "./statistics.ts";
