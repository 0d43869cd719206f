/** The figures of a result in the order in which they are read, with their values: for HTML and for the terminal. */
import type { BacktestResult } from "../backtest-result.ts";
import { byRow, type Figure, type FigureForm } from "../declaration/index.ts";
import { BAR_FIGURES } from "./bar-figures.ts";
import { BENCHMARK_FIGURES } from "./benchmark-figures.ts";
import type { StatisticValue } from "./number-format.ts";
import { REFUSAL_FIGURES } from "./refusal-figures.ts";
import { SIDE_FIGURES, type SideStatistics } from "./side-figures.ts";
import { GROUPED_STATISTICS } from "./statistics.ts";

export interface FigureRow extends FigureForm {
  readonly value: StatisticValue;
  /** Its key in `statistics`, where it is one of them. */
  readonly statistic?: string;
}

export interface FigureGroup {
  readonly title: string;
  readonly rows: readonly FigureRow[];
}

/** `statistics` by their groups, then the benchmark, the figures by bars, and refusals where there are any. */
export function figureGroups({ statistics, benchmark, barStatistics, refusals }: BacktestResult): FigureGroup[] {
  const groups = GROUPED_STATISTICS.map(({ title, rows }) => ({
    title,
    rows: rows.map((row) => ({ ...row, value: statistics[row.key], statistic: row.key })),
  }));
  const refused = rowsOf(REFUSAL_FIGURES, refusals);
  const isRefusalTold = refused.some(({ value }) => value !== 0);
  return [
    ...groups,
    { title: `Beside buying and holding ${benchmark.symbol}`, rows: rowsOf(BENCHMARK_FIGURES, benchmark) },
    { title: "By bars, not compounded", rows: rowsOf(BAR_FIGURES, barStatistics) },
    ...(isRefusalTold ? [{ title: "Refused entries", rows: refused }] : []),
  ];
}

function rowsOf<Key extends string>(
  figures: readonly Figure<Key>[],
  values: Readonly<Record<Key, StatisticValue>>,
): FigureRow[] {
  return byRow(figures).map((form) => ({ ...form, value: values[form.key] }));
}

/** Figures of a side, in the order in which they are read. */
export const SIDE_ROWS: readonly Figure<keyof SideStatistics>[] = byRow<Figure<keyof SideStatistics>>(SIDE_FIGURES);
