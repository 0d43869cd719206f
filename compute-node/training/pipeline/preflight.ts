/** Finds faults of a training set before a run spends hours on it. */
import { Problem } from "../../../protocol/problem.ts";
import type { TrainingSet } from "../network.ts";
import { countClasses } from "./class-weights.ts";
import type { ExampleCounts, SymbolColumns } from "./examples.ts";
import { deadZones, findDuplicates, inspectFeatures } from "./inspect-features.ts";
import type { FeatureScale } from "./scaling.ts";
import { PARTS, type Part } from "./split.ts";

type FindingCode =
  | "no-rows"
  | "few-rows"
  | "symbol-without-rows"
  | "labels-do-not-fit"
  | "single-class"
  | "missing-class"
  | "rare-class"
  | "constant-labels"
  | "no-information"
  | "constant-feature"
  | "dead-feature"
  | "dead-zone"
  | "duplicate-feature"
  | "unscaled-feature"
  | "undefined-features"
  | "unsettled-labels"
  | "stale-timeframe"
  | "short-windows";

/** One thing that the author of a run should know. An error makes the run pointless; a warning does not stop it. */
export interface Finding {
  readonly severity: "error" | "warning";
  readonly code: FindingCode;
  readonly message: string;
  /** An imperative sentence. */
  readonly cure: string;
  /** Names of features, classes or symbols that it is about. */
  readonly names: readonly string[];
  /** Rows that it concerns, where it concerns rows. */
  readonly rows: number;
}

/** Statistics of a regression's targets on one part. */
interface TargetSpread {
  readonly mean: number;
  readonly deviation: number;
  readonly lowest: number;
  readonly highest: number;
}

interface PartReport {
  readonly rows: number;
  /** In the order of the class names; null for a regression. */
  readonly classCounts: readonly number[] | null;
  /** Null for a classification. */
  readonly targets: TargetSpread | null;
}

export interface PreflightReport {
  readonly findings: readonly Finding[];
  readonly classNames: readonly string[];
  readonly parts: Readonly<Record<Part, PartReport>>;
  /** Bars that stand for no example, by the reason. */
  readonly dropped: DroppedRows;
}

interface DroppedRows extends ExampleCounts {
  readonly purged: number;
  readonly embargoed: number;
  /** Recurrent networks: examples without a complete window before them. */
  readonly shortWindows: number;
}

interface Inspected {
  readonly columns: readonly SymbolColumns[];
  readonly scales: readonly FeatureScale[];
  readonly set: TrainingSet;
  readonly classNames: readonly string[];
  /** True when the strategy's decisions take a predicted return. */
  readonly isRegression: boolean;
  readonly counts: DroppedRows;
  readonly wantsValidation: boolean;
  readonly wantsTest: boolean;
}

/** Throws a `Problem` (`invalid-data`) with every error of the report in its issues; returns where there is none. */
export function requirePreflight({ findings }: PreflightReport): void {
  const errors = findings.filter(({ severity }) => severity === "error");
  if (errors.length === 0) return;
  const [first] = errors;
  const more = errors.length === 1 ? "" : ` (and ${errors.length - 1} more)`;
  throw new Problem("invalid-data", `${first.message}${more}`, {
    cure: first.cure,
    issues: errors.map(({ message, cure }) => ({ message: `${message} ${cure}` })),
  });
}

export function inspect(inspected: Inspected): PreflightReport {
  const { set, classNames, counts, columns } = inspected;
  const parts = {
    training: partReport(set, set.training, classNames),
    validation: partReport(set, set.validation, classNames),
    test: partReport(set, set.test, classNames),
  };
  const findings = [
    ...rowFindings(inspected, parts),
    ...(classNames.length === 0 ? targetFindings(parts.training) : classFindings(classNames, parts)),
    ...labelFindings(inspected),
    ...(set.training.length === 0 ? [] : featureFindings(inspected)),
    ...droppedFindings(counts, columns),
  ];
  // Errors first; the order is otherwise kept.
  findings.sort((a, b) => Number(a.severity === "warning") - Number(b.severity === "warning"));
  return { findings, classNames, parts, dropped: counts };
}

function partReport({ labels }: TrainingSet, rows: Uint32Array, classNames: readonly string[]): PartReport {
  const isRegression = classNames.length === 0;
  return {
    rows: rows.length,
    classCounts: isRegression ? null : countClasses(labels.values, rows, classNames.length),
    targets: isRegression ? spreadOf(labels.values, rows) : null,
  };
}

function spreadOf(values: ArrayLike<number>, rows: Uint32Array): TargetSpread {
  let sum = 0;
  let lowest = Number.POSITIVE_INFINITY;
  let highest = Number.NEGATIVE_INFINITY;
  for (const row of rows) {
    sum += values[row];
    lowest = Math.min(lowest, values[row]);
    highest = Math.max(highest, values[row]);
  }
  if (rows.length === 0) return { mean: 0, deviation: 0, lowest: 0, highest: 0 };
  const mean = sum / rows.length;
  let squares = 0;
  for (const row of rows) squares += (values[row] - mean) ** 2;
  return { mean, deviation: Math.sqrt(squares / Math.max(1, rows.length - 1)), lowest, highest };
}

/** Fewer training rows than this for each input learn little but themselves. */
const ROWS_PER_INPUT = 10;

function rowFindings(inspected: Inspected, parts: PreflightReport["parts"]): Finding[] {
  const { set, columns, wantsValidation, wantsTest } = inspected;
  const wanted = { training: true, validation: wantsValidation, test: wantsTest };
  const findings: Finding[] = PARTS.filter((part) => wanted[part] && parts[part].rows === 0).map((part) => ({
    severity: part === "test" ? "warning" : "error",
    code: "no-rows",
    message: `The ${part} part has no rows.`,
    cure: "Give a longer range of bars, or change data_split; shorter indicators, labels and sequences need fewer bars.",
    names: [part],
    rows: 0,
  }));
  const least = ROWS_PER_INPUT * set.inputs;
  if (set.training.length > 0 && set.training.length < least)
    findings.push({
      severity: "warning",
      code: "few-rows",
      message: `${set.training.length} training rows are few for ${set.inputs} inputs.`,
      cure: `Give at least ${least} rows, or fewer inputs.`,
      names: [],
      rows: set.training.length,
    });
  const empty = columns.filter(
    ({ firstRow, rows }) => !set.training.some((row) => row >= firstRow && row < firstRow + rows),
  );
  if (empty.length > 0 && empty.length < columns.length)
    findings.push({
      severity: "warning",
      code: "symbol-without-rows",
      message: `The network learns nothing of ${empty.map(({ symbol }) => symbol).join(", ")}: no row of it is in training.`,
      cure: "Give it bars of the training range, or remove it from the symbols.",
      names: empty.map(({ symbol }) => symbol),
      rows: 0,
    });
  return findings;
}

function labelFindings({ classNames, isRegression }: Inspected): Finding[] {
  if (isRegression === (classNames.length === 0)) return [];
  return [
    {
      severity: "error",
      code: "labels-do-not-fit",
      message: `decisions.output_format is regression, and the labels are the classes ${classNames.join(", ")}.`,
      cure: "Write labels: { source: forward_return, horizon: 20 }, or output_format: classification.",
      names: classNames,
      rows: 0,
    },
  ];
}

/** A share above which a classifier that always says the same looks good. */
const MAJORITY_SHARE = 0.9;
const RARE_ROWS = 30;
/** Without them a network cannot ask for a trade. */
const TRADES: readonly string[] = ["buy", "sell"];
const LABEL_CURE = "Change the thresholds of training.labels, or give more bars.";

function classFindings(classNames: readonly string[], parts: PreflightReport["parts"]): Finding[] {
  const findings: Finding[] = [];
  const add = (severity: Finding["severity"], code: FindingCode, message: string, names: string[], rows = 0) =>
    findings.push({ severity, code, message, cure: LABEL_CURE, names, rows });
  const counts = parts.training.classCounts ?? [];
  const { rows } = parts.training;
  const present = classNames.filter((_, k) => counts[k] > 0);
  if (present.length === 1) add("error", "single-class", `Every training row is ${present[0]}.`, [...present], rows);
  if (present.length > 1) {
    for (const [k, name] of classNames.entries()) {
      const count = counts[k];
      if (count === 0)
        add(TRADES.includes(name) ? "error" : "warning", "missing-class", `No training row is ${name}.`, [name]);
      else if (count < RARE_ROWS)
        add("warning", "rare-class", `Only ${count} of ${rows} training rows are ${name}.`, [name], count);
      else if (count > MAJORITY_SHARE * rows)
        add("warning", "rare-class", `${percent(count / rows)} of the training rows are ${name}.`, [name], count);
    }
  }
  for (const part of ["validation", "test"] as const) {
    const own = parts[part].classCounts ?? [];
    const missing = classNames.filter((_, k) => counts[k] > 0 && own[k] === 0);
    if (parts[part].rows > 0 && missing.length > 0)
      add("warning", "missing-class", `No ${part} row is ${missing.join(" or ")}, and training rows are.`, missing);
  }
  return findings;
}

function targetFindings({ rows, targets }: PartReport): Finding[] {
  if (rows === 0 || targets === null || targets.lowest < targets.highest) return [];
  return [
    {
      severity: "error",
      code: "constant-labels",
      message: `Every training row has the target ${targets.lowest}.`,
      cure: "Look at the prices: they do not move.",
      names: [],
      rows,
    },
  ];
}

/** A share of training rows: if a set has no membership above zero in more of them, the report warns. */
const DEAD_ZONE_SHARE = 0.3;
/** A raw input beyond it drowns memberships, which end at 1. */
const UNSCALED_DEVIATION = 10;

function featureFindings({ columns, scales, set }: Inspected): Finding[] {
  const { features } = columns[0].matrix;
  const facts = inspectFeatures(set);
  const findings: Finding[] = [];
  const add = (code: FindingCode, names: string[], message: string, cure: string) => {
    if (names.length > 0) findings.push({ severity: "warning", code, message, cure, names, rows: 0 });
  };
  const chosen = (test: (k: number) => boolean) => scales.flatMap(({ name }, k) => (test(k) ? [name] : []));
  const isConstant = (k: number) => facts[k].constant !== null;
  const dead = chosen((k) => features[k].fn !== null && facts[k].constant === 0);
  add(
    "dead-feature",
    dead,
    `${list(dead)} is 0 on every training row.`,
    "Move the membership to where the values are.",
  );
  const constant = chosen((k) => isConstant(k) && !dead.includes(scales[k].name));
  add("constant-feature", constant, `${list(constant)} is the same on every training row.`, "Remove the input.");
  const unscaled = chosen(
    (k) => scales[k].kind === "none" && features[k].fn === null && facts[k].magnitude > UNSCALED_DEVIATION,
  );
  const cure = "Add normalization: zscore to the input.";
  add("unscaled-feature", unscaled, `${list(unscaled)} is raw and far beyond the range of the memberships.`, cure);
  for (const { set: fuzzySet, share } of deadZones(features, set)) {
    if (share < DEAD_ZONE_SHARE) continue;
    const message = `On about ${percent(share)} of the training rows every membership of ${fuzzySet} is 0.`;
    add("dead-zone", [fuzzySet], message, "Widen the memberships, use gaussian ones, or add the raw indicator.");
  }
  const varying = scales.map((_, k) => k).filter((k) => !isConstant(k));
  for (const [k, other] of findDuplicates(set, varying)) {
    const names = [scales[other].name, scales[k].name];
    add("duplicate-feature", names, `${names[1]} says the same as ${names[0]}.`, "Remove one of them.");
  }
  if (varying.length === 0) {
    const message = `No feature changes over ${set.training.length} training rows.`;
    findings.push({
      severity: "error",
      code: "no-information",
      message,
      cure: "Move the memberships to where the indicators' values are, or add raw indicators.",
      names: [],
      rows: set.training.length,
    });
  }
  return findings;
}

function droppedFindings(counts: DroppedRows, columns: readonly SymbolColumns[]): Finding[] {
  const findings: Finding[] = [];
  if (counts.undefinedFeatures > 0)
    findings.push({
      severity: "warning",
      code: "undefined-features",
      message: `${counts.undefinedFeatures} rows after the warm-up lack a feature: ${whereUndefined(columns)}. They stand for nothing.`,
      cure: "Look for gaps in the bars of that timeframe, or for a division by zero in the indicator.",
      names: undefinedNames(columns),
      rows: counts.undefinedFeatures,
    });
  if (counts.unsettled > 0)
    findings.push({
      severity: "warning",
      code: "unsettled-labels",
      message: `The labels of the last ${counts.unsettled} rows may still change and are left out.`,
      cure: "Nothing to do; a lower threshold settles labels sooner.",
      names: [],
      rows: counts.unsettled,
    });
  if (counts.shortWindows > 0)
    findings.push({
      severity: "warning",
      code: "short-windows",
      message: `${counts.shortWindows} rows have no complete sequence before them within their part and symbol.`,
      cure: "Nothing to do; a shorter sequence_length drops fewer.",
      names: [],
      rows: counts.shortWindows,
    });
  for (const { symbol, stale } of columns) {
    if (stale === null) continue;
    findings.push({
      severity: "warning",
      code: "stale-timeframe",
      message: `The ${stale.timeframe} bars of ${symbol} end before ${stale.bars} of its other bars, which keep their last values.`,
      cure: `Load ${stale.timeframe} bars up to the same day, or train up to where they end.`,
      names: [symbol, stale.timeframe],
      rows: stale.bars,
    });
  }
  return findings;
}

function undefinedNames(columns: readonly SymbolColumns[]): string[] {
  const { names } = columns[0].matrix;
  return names.filter((_, k) =>
    columns.some(({ matrix, firstBar }) =>
      matrix.columns[k].some((value, bar) => bar >= firstBar && !Number.isFinite(value)),
    ),
  );
}

/** The first row that lacks a feature: its symbol and time. */
function whereUndefined(columns: readonly SymbolColumns[]): string {
  for (const { symbol, timeMs, finite, firstBar } of columns) {
    const bar = finite.indexOf(0, firstBar);
    if (bar !== -1) return `first ${symbol} at ${new Date(timeMs[bar]).toISOString()}`;
  }
  return "none";
}

const LISTED_NAMES = 5;

function list(names: readonly string[]): string {
  const rest = names.length - LISTED_NAMES;
  return rest <= 0 ? names.join(", ") : `${names.slice(0, LISTED_NAMES).join(", ")} and ${rest} more`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
