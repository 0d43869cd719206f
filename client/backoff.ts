/** Computes the rests between attempts that must go on for ever. */
export interface BackoffRange {
  /** Upper bound of the first delay. */
  readonly firstMs: number;
  /** Upper bound of every delay. */
  readonly longestMs: number;
}

export const RECONNECT_BACKOFF: BackoffRange = { firstMs: 1_000, longestMs: 60_000 };

/**
 * Exponential backoff with full jitter: uniform in [0, min(longestMs, firstMs × 2^failures)), which spreads a fleet that
 * lost its registry at one moment (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
 * `failures` is 0 for the first delay; `random` gives [0, 1).
 */
export function fullJitterMs(failures: number, random: () => number, range: BackoffRange = RECONNECT_BACKOFF): number {
  const ceiling = Math.min(range.longestMs, range.firstMs * 2 ** Math.min(failures, 30));
  return Math.floor(random() * ceiling);
}
