/**
 * One clock for all processes of this machine: milliseconds with fractions of the system's monotonic clock. Each process's
 * `performance.timeOrigin` comes from the wall clock at its start, and those differ by its corrections in between.
 */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** The value below which `percent` of the values lie (nearest rank). */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)]!;
}
