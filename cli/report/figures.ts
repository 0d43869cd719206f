/** The figures of a result in the order in which they are read, with their values: for HTML and for the terminal. */
import type { BacktestResult, SideStatistics } from "../../protocol/index.ts";
import type { FigureForm, StatisticValue } from "./number-format.ts";
import { STATISTIC_GROUPS } from "./statistics-groups.ts";

export interface Figure extends FigureForm {
  readonly value: StatisticValue;
  /** Of `statistics`, where it is one of them. */
  readonly key?: string;
}

export interface FigureGroup {
  readonly title: string;
  readonly rows: readonly Figure[];
}

/** `statistics` by their groups, then the benchmark, the figures by bars, and refusals where there are any. */
export function figureGroups(result: BacktestResult): FigureGroup[] {
  const groups = STATISTIC_GROUPS.map(({ title, rows }) => ({
    title,
    rows: rows.map((row) => ({ ...row, value: result.statistics[row.key] })),
  }));
  return [...groups, benchmarkGroup(result), barGroup(result), ...refusalGroup(result)];
}

function benchmarkGroup({ benchmark }: BacktestResult): FigureGroup {
  const percent = { measure: "percent" } as const;
  const gain = { measure: "percent", signed: true } as const;
  const ratio = { measure: "ratio" } as const;
  return {
    title: `Beside buying and holding ${benchmark.symbol}`,
    rows: [
      { ...gain, label: "Its return", value: benchmark.returnPercent },
      { ...gain, label: "Excess return", value: benchmark.excessReturnPercent, hint: "Percentage points more than it" },
      { ...percent, label: "Its annual volatility", value: benchmark.annualVolatilityPercent },
      { ...gain, label: "Its max drawdown", value: benchmark.maxDrawdownPercent },
      { ...ratio, label: "Its Sharpe ratio", value: benchmark.sharpeRatio },
      { ...gain, label: "Alpha a year", value: benchmark.alphaPercent, hint: "Jensen's, from returns by period" },
      { ...ratio, label: "Beta by period", value: benchmark.beta },
      { ...ratio, label: "Correlation", value: benchmark.correlation },
      { ...percent, label: "Tracking error", value: benchmark.trackingErrorPercent, hint: "Of the difference, a year" },
      { ...ratio, label: "Information ratio", value: benchmark.informationRatio },
    ],
  };
}

function barGroup({ barStatistics }: BacktestResult): FigureGroup {
  const ratio = { measure: "ratio" } as const;
  return {
    title: "By bars, not compounded",
    rows: [
      { measure: "money", label: "Total return", value: barStatistics.totalReturn, signed: true },
      { measure: "count", label: "Bars a year", value: barStatistics.barsPerYear, hint: "As the data has them" },
      { measure: "percent", label: "Volatility", value: barStatistics.volatilityPercent },
      { ...ratio, label: "Sharpe, by bars", value: barStatistics.sharpeRatio },
      { ...ratio, label: "Sortino, by bars", value: barStatistics.sortinoRatio },
      { ...ratio, label: "Calmar, by bars", value: barStatistics.calmarRatio, hint: "CAGR over max drawdown" },
      { measure: "money", label: "Max drawdown, money", value: barStatistics.maxDrawdown },
      { ...ratio, label: "Recovery factor", value: barStatistics.recoveryFactor, hint: "Total return over it" },
    ],
  };
}

function refusalGroup({ refusals }: BacktestResult): FigureGroup[] {
  const count = { measure: "count" } as const;
  const rows: Figure[] = [
    { ...count, label: "No cash", value: refusals.noCash },
    { ...count, label: "Below a unit or lot", value: refusals.belowLot },
    { ...count, label: "Margin", value: refusals.margin },
    { ...count, label: "Pyramiding limit", value: refusals.pyramiding },
  ];
  const isTold = rows.some(({ value }) => value !== 0);
  return isTold ? [{ title: "Refused entries", rows }] : [];
}

export interface SideRow extends FigureForm {
  readonly key: keyof SideStatistics;
}

/** Every figure of a side stands here once. */
export const SIDE_ROWS: readonly SideRow[] = [
  { key: "tradeCount", label: "Trades", measure: "count" },
  { key: "winningTrades", label: "Winning", measure: "count" },
  { key: "losingTrades", label: "Losing", measure: "count" },
  { key: "winRatePercent", label: "Win rate", measure: "percent" },
  { key: "profit", label: "Profit", measure: "money", signed: true },
  { key: "commission", label: "Commission", measure: "money" },
  { key: "profitFactor", label: "Profit factor", measure: "ratio", hint: "Money won over money lost" },
  { key: "expectancyPercent", label: "Mean return", measure: "percent", signed: true },
  { key: "bestTradePercent", label: "Best return", measure: "percent", signed: true },
  { key: "worstTradePercent", label: "Worst return", measure: "percent", signed: true },
  { key: "averageWin", label: "Average win", measure: "money", signed: true },
  { key: "averageLoss", label: "Average loss", measure: "money", signed: true },
  { key: "largestWin", label: "Largest win", measure: "money", signed: true },
  { key: "largestLoss", label: "Largest loss", measure: "money", signed: true },
  { key: "averageBarsHeld", label: "Bars held", measure: "average" },
  { key: "averageDurationMs", label: "Average length", measure: "duration" },
  { key: "averageWinDurationMs", label: "Length of wins", measure: "duration" },
  { key: "averageLossDurationMs", label: "Length of losses", measure: "duration" },
  { key: "averageAdverseExcursionPercent", label: "Adverse excursion", measure: "percent", signed: true },
  { key: "worstAdverseExcursionPercent", label: "Worst excursion", measure: "percent", signed: true },
  { key: "averageFavourableExcursionPercent", label: "Favourable excursion", measure: "percent", signed: true },
  { key: "bestFavourableExcursionPercent", label: "Best excursion", measure: "percent", signed: true },
];

export const SIDES = [
  { key: "all", label: "All" },
  { key: "long", label: "Long" },
  { key: "short", label: "Short" },
] as const;
