/** The table of all statistics, in the order of JSON, and the schema, groups and values that follow from it. */
import { z } from "zod";
import {
  byRow,
  type FigureShape,
  figureShape,
  type RunMeasures,
  SHARED_REASONS,
  STATISTIC_GROUPS,
  type Statistic,
  ZERO_DIVISOR,
} from "../declaration/index.ts";
import { DECLARED_STATISTICS } from "../statistics/index.ts";

export const STATISTICS: readonly Statistic<keyof BacktestStatistics>[] = DECLARED_STATISTICS.toSorted(
  (left, right) => left.position - right.position,
);

/** Names and units: percent as 12.5, money in the account's currency, durations in milliseconds. */
export const backtestStatistics = z.strictObject(figureShape(STATISTICS) as FigureShape<typeof DECLARED_STATISTICS>);
export type BacktestStatistics = z.infer<z.ZodObject<FigureShape<typeof DECLARED_STATISTICS>>>;

type StatisticRow = Statistic<keyof BacktestStatistics>;

/** Every statistic stands in exactly one group. */
export const GROUPED_STATISTICS: readonly { readonly title: string; readonly rows: readonly StatisticRow[] }[] =
  STATISTIC_GROUPS.map((title) => ({ title, rows: byRow(STATISTICS.filter(({ group }) => group === title)) }));

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
).map(statisticRow);

function statisticRow(key: keyof BacktestStatistics): StatisticRow {
  const row = STATISTICS.find((candidate) => candidate.key === key);
  if (row === undefined) throw new Error(`there is no statistic ${key}`);
  return row;
}

/** A value for each statistic. */
export function statisticsOf(run: RunMeasures): BacktestStatistics {
  return Object.fromEntries(STATISTICS.map(({ key, of }) => [key, jsonNumber(of(run))])) as BacktestStatistics;
}

/** Converts a value for JSON: NaN becomes null, an infinity its name. */
export function jsonNumber(value: number): number | "Infinity" | "-Infinity" | null {
  if (Number.isNaN(value)) return null;
  // JSON has no negative zero.
  if (Number.isFinite(value)) return value === 0 ? 0 : value;
  return value > 0 ? "Infinity" : "-Infinity";
}

/** Groups the statistics without a value by their reasons, in the order in which a result lists them. */
export function undefinedByReason(
  statistics: BacktestStatistics,
): { readonly because: string; readonly of: readonly StatisticRow[] }[] {
  const missing = STATISTICS.filter(({ key }) => statistics[key] === null);
  const reasonOf = ({ undefinedWhen }: StatisticRow) => undefinedWhen ?? ZERO_DIVISOR;
  const own = missing.map(reasonOf).filter((reason) => reason !== ZERO_DIVISOR);
  return [...new Set([...SHARED_REASONS, ...own, ZERO_DIVISOR])]
    .map((because) => ({ because, of: missing.filter((row) => reasonOf(row) === because) }))
    .filter(({ of }) => of.length > 0);
}
