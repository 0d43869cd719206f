/** One clock for all processes of this machine: milliseconds since 1970 with fractions, from the monotonic clock. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}

/** The value below which `percent` of the values lie (nearest rank). */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)]!;
}
