/**
 * @file Which rows learn, which choose the best epoch, and which judge: in order of time, without a look ahead.
 *
 * The parts are cut at moments, the same for every symbol, so that no part knows of a time that another is about. An
 * example whose label is known only after the next part has begun is purged, and so are those within an embargo before
 * it (López de Prado 2018, Advances in Financial Machine Learning, section 7.4).
 */
import { Problem } from "../../../protocol/problem.ts";

/** Rows that have features and a label, in any order of symbols; each symbol's own rows ascend. */
interface SplitInput {
  /** Time of each example's bar. */
  readonly timeMs: Float64Array;
  /** Time of the bar at whose close the example's label is known. */
  readonly settledMs: Float64Array;
}

interface SplitFractions {
  /** Above 0. */
  readonly train: number;
  readonly validation: number;
  /** The three sum to 1. */
  readonly test: number;
}

interface SplitOptions {
  readonly fractions: SplitFractions;
  /** Share of all examples that is left out before each boundary. */
  readonly embargoFraction: number;
}

export const PARTS = ["training", "validation", "test"] as const;
export type Part = (typeof PARTS)[number];

export interface Split {
  /** Indices of examples, ascending. */
  readonly training: Uint32Array;
  readonly validation: Uint32Array;
  readonly test: Uint32Array;
  /** Where validation and test begin; infinite for a part without rows. */
  readonly validationMs: number;
  readonly testMs: number;
  /** Examples that belong to no part, since their label or the embargo reaches into the next one. */
  readonly purged: number;
  readonly embargoed: number;
}

/** Absorbs the rounding of 1 - (0.15 + 0.15). */
const ROUNDING = 1e-9;

/**
 * Training takes the first floor(n · train) moments' examples, test the last; an example of a part is kept when its label
 * is known by the close of the first bar of the next part, which is when that part decides for the first time.
 */
export function splitExamples({ timeMs, settledMs }: SplitInput, { fractions, embargoFraction }: SplitOptions): Split {
  const rows = timeMs.length;
  const moments = isAscending(timeMs) ? timeMs : timeMs.toSorted();
  const startAt = (share: number) => {
    const at = Math.floor(rows * share + ROUNDING);
    return { at, ms: at < rows ? moments[at] : Number.POSITIVE_INFINITY };
  };
  const validation = startAt(fractions.train);
  const test = fractions.test <= ROUNDING ? startAt(1) : startAt(fractions.train + fractions.validation);
  const embargo = Math.floor(rows * embargoFraction + ROUNDING);
  const embargoMs = (start: { at: number; ms: number }) =>
    start.ms === Number.POSITIVE_INFINITY || embargo === 0 ? start.ms : moments[Math.max(0, start.at - embargo)];
  const before = [embargoMs(validation), embargoMs(test)];
  const parts = [new Uint32Array(rows), new Uint32Array(rows), new Uint32Array(rows)];
  const counts = [0, 0, 0];
  let purged = 0;
  let embargoed = 0;
  for (let row = 0; row < rows; row++) {
    const part = timeMs[row] < validation.ms ? 0 : timeMs[row] < test.ms ? 1 : 2;
    // Training ends where validation begins, or test where there is no validation.
    const nextMs = part === 0 ? validation.ms : part === 1 ? test.ms : Number.POSITIVE_INFINITY;
    if (settledMs[row] > nextMs) purged++;
    else if (part < 2 && timeMs[row] >= before[part]) embargoed++;
    else parts[part][counts[part]++] = row;
  }
  const [training, forValidation, forTest] = parts.map((part, k) => part.slice(0, counts[k]));
  return {
    training,
    validation: forValidation,
    test: forTest,
    validationMs: validation.ms,
    testMs: test.ms,
    purged,
    embargoed,
  };
}

/** `training.data_split`: 0.7, 0.15 and the rest by default. Throws a `Problem` for parts that do not sum to 1. */
export function splitFractionsOf(training: Readonly<Record<string, unknown>>): SplitFractions {
  const given = (training.data_split ?? {}) as Partial<Record<keyof SplitFractions, unknown>>;
  const numberOf = (key: keyof SplitFractions) => (typeof given[key] === "number" ? given[key] : null);
  const asked = { validation: numberOf("validation"), test: numberOf("test") };
  const train = numberOf("train") ?? 1 - (asked.validation ?? 0.15) - (asked.test ?? 0.15);
  const validation = asked.validation ?? (asked.test === null ? Math.min(0.15, 1 - train) : 1 - train - asked.test);
  const test = asked.test ?? 1 - train - validation;
  if (Math.abs(train + validation + test - 1) > 1e-6 || train <= 0 || validation < -ROUNDING || test < -ROUNDING)
    throw new Problem(
      "invalid-strategy",
      `training.data_split is ${train} train, ${validation} validation and ${test} test.`,
      { cure: "Make the parts sum to 1 with train above 0, such as { train: 0.7, validation: 0.15, test: 0.15 }." },
    );
  return { train, validation: Math.max(0, validation), test: test < ROUNDING ? 0 : test };
}

function isAscending(values: Float64Array): boolean {
  for (let index = 1; index < values.length; index++) if (values[index] < values[index - 1]) return false;
  return true;
}
