/** The statistics in the order in which they are read, shared by the HTML report and the terminal's table. */
import type { BacktestStatistics } from "../../protocol/index.ts";
import type { FigureForm } from "./number-format.ts";

export interface StatisticRow extends FigureForm {
  key: keyof BacktestStatistics;
}

export interface StatisticGroup {
  title: string;
  rows: readonly StatisticRow[];
}

/** Every statistic of a result stands in exactly one group. */
export const STATISTIC_GROUPS: readonly StatisticGroup[] = [
  {
    title: "Return",
    rows: [
      { key: "returnPercent", label: "Return", measure: "percent", signed: true },
      { key: "buyAndHoldReturnPercent", label: "Buy and hold", measure: "percent", signed: true },
      { key: "annualReturnPercent", label: "Annual return", measure: "percent", signed: true },
      { key: "cagrPercent", label: "CAGR", measure: "percent", signed: true, hint: "Compound annual growth rate" },
      { key: "alphaPercent", label: "Alpha", measure: "percent", signed: true, hint: "Return beyond beta × market" },
      { key: "beta", label: "Beta", measure: "ratio", hint: "Covariance with the market over its variance" },
      { key: "equityFinal", label: "Final equity", measure: "money" },
      { key: "equityPeak", label: "Peak equity", measure: "money" },
    ],
  },
  {
    title: "Risk",
    rows: [
      { key: "annualVolatilityPercent", label: "Annual volatility", measure: "percent" },
      { key: "maxDrawdownPercent", label: "Max drawdown", measure: "percent", signed: true },
      { key: "averageDrawdownPercent", label: "Average drawdown", measure: "percent", signed: true },
      { key: "maxDrawdownDurationMs", label: "Longest drawdown", measure: "duration" },
      { key: "averageDrawdownDurationMs", label: "Average drawdown length", measure: "duration" },
      { key: "exposurePercent", label: "Exposure", measure: "percent", hint: "Share of bars with an open position" },
    ],
  },
  {
    title: "Ratios",
    rows: [
      { key: "sharpeRatio", label: "Sharpe ratio", measure: "ratio" },
      { key: "sortinoRatio", label: "Sortino ratio", measure: "ratio" },
      { key: "calmarRatio", label: "Calmar ratio", measure: "ratio" },
      { key: "profitFactor", label: "Profit factor", measure: "ratio", hint: "Gains over losses" },
      { key: "sqn", label: "SQN", measure: "ratio", hint: "System quality number" },
      { key: "kellyCriterion", label: "Kelly criterion", measure: "ratio", hint: "Fraction of capital to risk" },
    ],
  },
  {
    title: "Period",
    rows: [
      { key: "startMs", label: "Start", measure: "date" },
      { key: "endMs", label: "End", measure: "date" },
      { key: "durationMs", label: "Length", measure: "duration" },
    ],
  },
  {
    title: "Trades",
    rows: [
      { key: "tradeCount", label: "Trades", measure: "count" },
      { key: "winRatePercent", label: "Win rate", measure: "percent" },
      { key: "bestTradePercent", label: "Best trade", measure: "percent", signed: true },
      { key: "worstTradePercent", label: "Worst trade", measure: "percent", signed: true },
      { key: "averageTradePercent", label: "Average trade", measure: "percent", signed: true },
      { key: "expectancyPercent", label: "Expectancy", measure: "percent", signed: true },
      { key: "maxTradeDurationMs", label: "Longest trade", measure: "duration" },
      { key: "averageTradeDurationMs", label: "Average trade length", measure: "duration" },
    ],
  },
];

/** The few that are read first. */
export const HEADLINE_STATISTICS: readonly StatisticRow[] = (
  [
    "returnPercent",
    "buyAndHoldReturnPercent",
    "cagrPercent",
    "maxDrawdownPercent",
    "sharpeRatio",
    "profitFactor",
    "tradeCount",
    "winRatePercent",
  ] as const
).map((key) => statisticRow(key));

function statisticRow(key: keyof BacktestStatistics): StatisticRow {
  const row = STATISTIC_GROUPS.flatMap((group) => group.rows).find((candidate) => candidate.key === key);
  if (row === undefined) throw new Error(`the statistic ${key} stands in no group`);
  return row;
}
