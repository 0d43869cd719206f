/** Explains why a statistic has no value: every null has a warning. */
import type { ResultWarning } from "../../../protocol/warnings.ts";
import { toSnakeCase } from "../../../protocol/wire.ts";
import { type BacktestResult, undefinedByReason } from "../../../results/index.ts";

/** One warning for each reason, naming its statistics in wire spelling; `count` is how many they are. */
function undefinedStatistics(statistics: BacktestResult["statistics"]): ResultWarning[] {
  return undefinedByReason(statistics).map(({ because, of }) => ({
    code: "undefined-statistic",
    message: `No value for ${of.map(({ key }) => toSnakeCase(key)).join(", ")}: ${because}.`,
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
  const list = names.map((name) => `${section}.${toSnakeCase(name)}`).join(", ");
  return [{ code: "undefined-statistic", message: `No value for ${list}: ${because}.`, count: names.length }];
}
