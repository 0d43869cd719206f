/** Judges which differences are only the rounding of doubles, relative to the values that they come from. */

/** Money is right to a few units of 2⁻⁵³ of its size, and a return divides two such values. */
const RETURN_ROUNDING = 2 ** -50;
/** An account that fell further has no returns that are only rounding. */
const LARGEST_FALL = 2 ** -24;
/** Σr² and (Σr)² / n are each off by n units in the last place at most. */
const SUM_ROUNDING = 3 * 2 ** -53;

interface ReturnSums {
  readonly count: number;
  readonly sum: number;
  readonly squares: number;
  /** Lowest equity over the peak before it: what remained is as exact as the peak was. 1 where it is left out. */
  readonly remained?: number;
}

/**
 * Σ(r − mean)² of simple or log returns; exactly 0 where the returns differ by no more than rounding. NaN for fewer than
 * two returns.
 */
export function squaresAboutMean({ count, sum, squares, remained = 1 }: ReturnSums): number {
  if (!(count >= 2)) return Number.NaN;
  const scattered = squares - (sum * sum) / count;
  const each = (RETURN_ROUNDING * (1 + Math.abs(sum / count))) / Math.max(remained, LARGEST_FALL);
  const rounding = count * (each * each + SUM_ROUNDING * squares);
  // Written so that NaN stays NaN.
  return scattered <= rounding ? 0 : scattered;
}

/** A fraction of money or of prices; NaN where it is 0 or only rounding, so that nothing is divided by it. */
export function aboveRounding(fraction: number, remained = 1): number {
  return fraction > RETURN_ROUNDING / Math.max(remained, LARGEST_FALL) ? fraction : Number.NaN;
}

/** A deviation of amounts of money that are computed from amounts up to `largest`; NaN where it is 0 or only rounding. */
export function varyingMoney(deviation: number, largest: number): number {
  return deviation > RETURN_ROUNDING * largest ? deviation : Number.NaN;
}
