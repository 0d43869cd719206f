/**
 * Finds the price at which an order fills, only from one bar's prices. Pure rules, without costs.
 *
 * A bar gives open, high and low, but not their order. Both rules are pessimistic where that matters: the engine asks
 * the stop first, and a gap through the stop fills at the open, which is worse than the stop.
 */

/** The side of a position: 1 long, -1 short. */
export type Side = 1 | -1;

/**
 * The fill of a protective stop on a position of `side`, or NaN when the bar does not touch it (touching is inclusive).
 * Long: `low ≤ stop` fills at `min(open, stop)`; short: the mirror image.
 */
export function stopFillPrice(side: Side, open: number, high: number, low: number, stop: number): number {
  if (side === 1) return low <= stop ? Math.min(open, stop) : Number.NaN;
  return high >= stop ? Math.max(open, stop) : Number.NaN;
}

/**
 * The fill of a take-profit limit on a position of `side`, or NaN when the bar does not touch it.
 * Long: `high ≥ limit` fills at `max(open, limit)`, so a favourable gap fills at the better open; short: the mirror.
 */
export function targetFillPrice(side: Side, open: number, high: number, low: number, limit: number): number {
  if (side === 1) return high >= limit ? Math.max(open, limit) : Number.NaN;
  return low <= limit ? Math.min(open, limit) : Number.NaN;
}
