/** A statistic of a run. Everything about it stands in its file; the table of all is printed from the folder. */
import type { Figure, FigureType } from "./figure.ts";
import type { RunMeasures } from "./measures.ts";

/** Tables of a report, in the order in which they are read. */
export const STATISTIC_GROUPS = ["Return", "Risk", "Ratios", "Period", "Trades"] as const;

export interface Statistic<Key extends string = string, Type extends FigureType = FigureType>
  extends Figure<Key, Type> {
  /** The author of its definition, or the software that it follows. */
  readonly source: string;
  /** Ends a sentence, "No value for …: no trade was closed"; null where there always is a value. */
  readonly undefinedWhen: string | null;
  readonly group: (typeof STATISTIC_GROUPS)[number];
  /** Its place in JSON, where it stays: a new statistic takes the next number. */
  readonly position: number;
  /** In the statistic's unit; NaN where it is undefined. */
  readonly of: (run: RunMeasures) => number;
  /** The value for `EXAMPLE_RUN`, worked out by other means; a test compares it with `of`. */
  readonly example: number;
}

export function declareStatistic<const Key extends string, const Type extends FigureType>(
  statistic: Statistic<Key, Type>,
): Statistic<Key, Type> {
  return statistic;
}

/** backtesting.py, whose figures the golden files reproduce. */
export const BACKTESTING_PY = "backtesting.py 0.6.6, `_stats.py`";
