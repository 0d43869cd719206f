/**
 * @file The look-ahead audit: the strategy runs again on the data cut short. Its values at a bar must then be the
 * same as with all the data. A value that changes has seen the future.
 */

/** In the order in which one follows from another: the first that changes at a bar is nearest to the cause. */
const AUDITED_KINDS = [
  "indicator",
  "series",
  "fuzzy",
  "feature",
  "output",
  "signal",
  "order",
  "fill",
  "equity",
] as const;
type AuditedKind = (typeof AUDITED_KINDS)[number];

/** One thing that a strategy says about each bar: an indicator, a fuzzy value, a signal. */
export interface AuditedColumn {
  readonly kind: AuditedKind;
  readonly name: string;
  /** A value a bar, from the first on. */
  readonly values: ArrayLike<number>;
  /** Start of each of its bars, milliseconds; those of the data where it has none of its own. */
  readonly timeMs?: Float64Array;
}

export interface AuditFinding {
  readonly kind: AuditedKind;
  readonly name: string;
  /** The first bar whose value changes, counted from 0 among the column's own bars. */
  readonly bar: number;
  /** Its start, milliseconds. */
  readonly timeMs: number;
  /** The number of bars in the data when it had `shortValue`. */
  readonly rows: number;
  readonly shortValue: number;
  readonly fullValue: number;
}

export interface AuditReport {
  /** One for each column that changes, at its first changed bar; earliest first, causes before their effects. */
  readonly findings: readonly AuditFinding[];
  /** Lengths that were tried, ascending. */
  readonly prefixes: readonly number[];
  /** Numbers of compared columns, by kind. */
  readonly columns: Readonly<Partial<Record<AuditedKind, number>>>;
}

/** Prefixes that are tried by default. A leak that only shows at the very end of the data shows at each of them. */
const AUDIT_PREFIXES = 24;

/** Everything that a strategy says about the first `rows` bars: the same columns in the same order for every number. */
type ColumnsOf = (rows: number) => readonly AuditedColumn[];

/**
 * Runs `compute` on the first n bars for several n, and compares with the run on all of them. Bit for bit: NaN equals NaN.
 *
 * @param timeMs start of each bar of the data
 */
export function audit(timeMs: Float64Array, compute: ColumnsOf, prefixes = prefixLengths(timeMs.length)): AuditReport {
  const comparison = new Comparison(timeMs, compute(timeMs.length));
  for (const rows of prefixes) comparison.add(rows, compute(rows));
  return comparison.report(prefixes);
}

/** As `audit`, for a slow `compute`: one length after the other. */
export async function auditSlowly(
  timeMs: Float64Array,
  compute: (rows: number) => Promise<readonly AuditedColumn[]>,
  prefixes = prefixLengths(timeMs.length),
): Promise<AuditReport> {
  const comparison = new Comparison(timeMs, await compute(timeMs.length));
  for (const rows of prefixes) comparison.add(rows, await compute(rows));
  return comparison.report(prefixes);
}

class Comparison {
  readonly #found = new Map<string, AuditFinding>();
  readonly #timeMs: Float64Array;
  readonly #whole: readonly AuditedColumn[];

  constructor(timeMs: Float64Array, whole: readonly AuditedColumn[]) {
    this.#timeMs = timeMs;
    this.#whole = whole;
  }

  add(rows: number, columns: readonly AuditedColumn[]): void {
    for (const [index, short] of columns.entries()) {
      const finding = firstChange(short, this.#whole[index], rows, this.#timeMs);
      const key = `${short.kind} ${short.name}`;
      const known = this.#found.get(key);
      if (finding !== null && (known === undefined || finding.bar < known.bar)) this.#found.set(key, finding);
    }
  }

  report(prefixes: readonly number[]): AuditReport {
    const findings = inOrder([...this.#found.values()]);
    const columns: Partial<Record<AuditedKind, number>> = {};
    for (const { kind } of this.#whole) columns[kind] = (columns[kind] ?? 0) + 1;
    return { findings, prefixes, columns };
  }
}

/** Earliest first, causes before their effects. */
function inOrder(findings: readonly AuditFinding[]): AuditFinding[] {
  const rank = ({ kind }: AuditFinding) => AUDITED_KINDS.indexOf(kind);
  return findings.toSorted((left, right) => left.timeMs - right.timeMs || rank(left) - rank(right));
}

/** One report of two about the same data, which compare different kinds of columns. */
export function joinedReports(first: AuditReport, second: AuditReport): AuditReport {
  return {
    findings: inOrder([...first.findings, ...second.findings]),
    prefixes: first.prefixes,
    columns: { ...first.columns, ...second.columns },
  };
}

/** The name of each kind, singular and plural. */
const KIND_WORDS: Readonly<Record<AuditedKind, readonly [one: string, several: string]>> = {
  indicator: ["indicator", "indicators"],
  series: ["series", "series"],
  fuzzy: ["fuzzy value", "fuzzy values"],
  feature: ["feature", "features"],
  output: ["network output", "network outputs"],
  signal: ["signal", "signals"],
  order: ["figure of orders", "figures of orders"],
  fill: ["figure of fills", "figures of fills"],
  equity: ["equity curve", "equity curves"],
};

/** A finding as a person reads it: `indicator fast at bar 40 (2020-02-10) is 1.5 with 60 bars, and 1.6 with all of them`. */
export function findingText({ kind, name, bar, timeMs, rows, shortValue, fullValue }: AuditFinding): string {
  const time = new Date(timeMs).toISOString().replace("T00:00:00.000Z", "").replace(".000Z", "Z");
  const longer = kind === "fill" ? "when more follow" : "with all of them";
  return `${KIND_WORDS[kind][0]} ${name} at bar ${bar} (${time}) is ${shortValue} with ${rows} bars, and ${fullValue} ${longer}`;
}

/** The compared columns in words: `3 indicators, 4 signals`. */
export function auditedText({ columns }: Pick<AuditReport, "columns">): string {
  return AUDITED_KINDS.flatMap((kind) => {
    const count = columns[kind] ?? 0;
    return count === 0 ? [] : `${count} ${KIND_WORDS[kind][count === 1 ? 0 : 1]}`;
  }).join(", ");
}

/** Spread evenly, with the two shortest meaningful lengths and the one that lacks only the last bar. */
export function prefixLengths(rows: number, count = AUDIT_PREFIXES): number[] {
  const lengths = Array.from({ length: count }, (_, index) => Math.round(((index + 1) * rows) / (count + 1)));
  return [...new Set([...lengths, rows - 1])].filter((length) => length > 0 && length < rows).sort((a, b) => a - b);
}

function firstChange(
  short: AuditedColumn,
  whole: AuditedColumn,
  rows: number,
  timeMs: Float64Array,
): AuditFinding | null {
  const { kind, name, values } = short;
  const times = whole.timeMs ?? timeMs;
  for (let bar = 0; bar < values.length; bar++) {
    const [shortValue, fullValue] = [values[bar], whole.values[bar]];
    if (Object.is(shortValue, fullValue)) continue;
    return { kind, name, bar, timeMs: times[bar], rows, shortValue, fullValue };
  }
  return null;
}
