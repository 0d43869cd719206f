/**
 * @file The look-ahead audit: the strategy runs again on the data cut short, and whatever it said about a bar then must be
 * what it says about that bar with all the data. A value that changes has seen the future.
 */

/** One thing that a strategy says about each bar: a signal, an indicator, a feature. */
export interface AuditedColumn {
  readonly kind: "signal" | "indicator" | "feature" | "equity";
  readonly name: string;
  readonly values: ArrayLike<number>;
}

export interface AuditFinding {
  readonly kind: AuditedColumn["kind"];
  readonly name: string;
  /** The first bar whose value changes, counted from 0. */
  readonly bar: number;
  /** How many bars there were when it had `shortValue`. */
  readonly rows: number;
  readonly shortValue: number;
  readonly fullValue: number;
}

export interface AuditReport {
  /** One for each column that changes, at its first changed bar; earliest bar first. */
  readonly findings: readonly AuditFinding[];
  /** Lengths that were tried, ascending. */
  readonly prefixes: readonly number[];
  readonly columns: number;
}

/** Prefixes that are tried by default. A leak that only shows at the very end of the data shows at each of them. */
export const AUDIT_PREFIXES = 24;

/**
 * Runs `compute` on the first n rows for several n, and compares with the run on all of them. Bit for bit: NaN equals NaN.
 *
 * @param compute everything that the strategy says about the first `rows` bars; the same columns in the same order
 */
export function audit(
  rows: number,
  compute: (rows: number) => readonly AuditedColumn[],
  prefixes = prefixLengths(rows),
): AuditReport {
  const whole = compute(rows);
  const found = new Map<string, AuditFinding>();
  for (const length of prefixes) {
    for (const [index, short] of compute(length).entries()) {
      const finding = firstChange(short, whole[index], length);
      const key = `${short.kind} ${short.name}`;
      const known = found.get(key);
      if (finding !== null && (known === undefined || finding.bar < known.bar)) found.set(key, finding);
    }
  }
  const findings = [...found.values()].sort((left, right) => left.bar - right.bar);
  return { findings, prefixes, columns: whole.length };
}

/** Spread evenly, with the two shortest meaningful lengths and the one that lacks only the last bar. */
export function prefixLengths(rows: number, count = AUDIT_PREFIXES): number[] {
  const lengths = Array.from({ length: count }, (_, index) => Math.round(((index + 1) * rows) / (count + 1)));
  return [...new Set([...lengths, rows - 1])].filter((length) => length > 0 && length < rows).sort((a, b) => a - b);
}

function firstChange(short: AuditedColumn, whole: AuditedColumn, rows: number): AuditFinding | null {
  for (let bar = 0; bar < rows; bar++) {
    const [shortValue, fullValue] = [short.values[bar], whole.values[bar]];
    if (Object.is(shortValue, fullValue)) continue;
    return { kind: short.kind, name: short.name, bar, rows, shortValue, fullValue };
  }
  return null;
}
