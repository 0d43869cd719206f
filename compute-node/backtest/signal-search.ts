/** Where something happens next, in tight loops over columns. */

/** Signals are either dense, where a loop wins, or rare, where the runtime's own search does. */
const SCANNED_BYTES = 128;

/** The first bar in [from, rows) whose flag is set, or `rows`. */
export function firstSet(flags: Uint8Array, from: number, rows: number): number {
  const end = Math.min(from + SCANNED_BYTES, rows);
  for (let bar = from; bar < end; bar++) if (flags[bar] !== 0) return bar;
  const found = flags.indexOf(1, end);
  return found < 0 ? rows : found;
}

/** The first bar in [from, to) whose range reaches `lower` or `upper`, or `to`. */
export function firstTouch(
  high: Float64Array,
  low: Float64Array,
  from: number,
  to: number,
  lower: number,
  upper: number,
): number {
  for (let bar = from; bar < to; bar++) if (low[bar] <= lower || high[bar] >= upper) return bar;
  return to;
}
