/** Why a statistic has no value: no null without a word about it. */
import type { BacktestResult, BacktestStatistics, ResultWarning } from "../../../protocol/backtest-result.ts";

type StatisticName = keyof BacktestStatistics;

const NO_TRADE: readonly StatisticName[] = [
  "winRatePercent",
  "bestTradePercent",
  "worstTradePercent",
  "averageTradePercent",
  "maxTradeDurationMs",
  "averageTradeDurationMs",
  "expectancyPercent",
];

/** The first reason that fits a statistic is the one that is told. */
const REASONS: readonly { readonly names: readonly StatisticName[]; readonly because: string }[] = [
  { names: NO_TRADE, because: "no trade was closed" },
  { names: ["profitFactor"], because: "no trade lost" },
  { names: ["kellyCriterion"], because: "it needs trades that won and trades that lost" },
  { names: ["sqn"], because: "it needs two trades with different profits" },
  {
    names: ["averageDrawdownPercent", "maxDrawdownDurationMs", "averageDrawdownDurationMs"],
    because: "the equity was never below its peak for longer than a bar",
  },
  { names: ["calmarRatio"], because: "there was no drawdown, or no return of a period, to divide" },
  {
    names: ["sharpeRatio", "sortinoRatio", "annualReturnPercent", "annualVolatilityPercent"],
    because: "the equity's returns did not vary, or there are fewer than three periods of them",
  },
  {
    names: ["beta", "alphaPercent"],
    because: "prices did not move, there are fewer than three bars, or the account was ruined",
  },
  { names: ["cagrPercent"], because: "the bars span no time" },
];

/** One warning for each reason, naming its statistics in wire spelling; `count` is how many they are. */
export function undefinedStatistics(statistics: BacktestStatistics): ResultWarning[] {
  const names = (Object.keys(statistics) as StatisticName[]).filter((name) => statistics[name] === null);
  const told = REASONS.map(({ names: of, because }) => ({ of: names.filter((name) => of.includes(name)), because }));
  const known = REASONS.flatMap(({ names: of }) => of);
  const rest = names.filter((name) => !known.includes(name));
  return [...told, { of: rest, because: "it divides by zero here" }]
    .filter(({ of }) => of.length > 0)
    .map(({ of, because }) => ({
      code: "undefined_statistic",
      message: `No value for ${of.map(wireName).join(", ")}: ${because}.`,
      count: of.length,
    }));
}

/**
 * `undefinedStatistics`, and the same for the figures by bars and beside the benchmark. Those of the trades' sides need no
 * word: they are null where the count beside them is 0.
 */
export function undefinedFigures({
  statistics,
  barStatistics,
  benchmark,
}: Pick<BacktestResult, "statistics" | "barStatistics" | "benchmark">): ResultWarning[] {
  return [
    ...undefinedStatistics(statistics),
    ...undefinedIn(
      "bar_statistics",
      barStatistics,
      "the equity did not vary as the figure needs, or the bars span no time",
    ),
    ...undefinedIn(
      "benchmark",
      benchmark,
      "a price is not above 0, returns did not vary, or there are fewer than three periods of them",
    ),
  ];
}

function undefinedIn(section: string, figures: Readonly<Record<string, unknown>>, because: string): ResultWarning[] {
  const names = Object.keys(figures).filter((name) => figures[name] === null);
  if (names.length === 0) return [];
  const list = names.map((name) => `${section}.${wireName(name)}`).join(", ");
  return [{ code: "undefined_statistic", message: `No value for ${list}: ${because}.`, count: names.length }];
}

function wireName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
