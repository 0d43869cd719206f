/** Which examples count for how much. */

/** Counts the rows of each class among `rows`. */
export function countClasses(values: ArrayLike<number>, rows: Uint32Array, classes: number): number[] {
  const counts: number[] = Array.from({ length: classes }, () => 0);
  for (let index = 0; index < rows.length; index++) counts[values[rows[index]]]++;
  return counts;
}

/** Inverse frequencies that sum to the number of classes; a class that does not occur has 0. */
export function balancedClassWeights(counts: readonly number[]): number[] {
  const inverses = counts.map((count) => (count === 0 ? 0 : 1 / count));
  const sum = inverses.reduce((total, inverse) => total + inverse, 0);
  return inverses.map((inverse) => (sum === 0 ? 0 : (inverse * counts.length) / sum));
}

/**
 * Each row as often as its weight says, at mean 1: floor or ceiling of it, by systematic resampling (Kitagawa 1996,
 * Journal of Computational and Graphical Statistics 5, appendix), which needs no chance.
 */
export function weightedRows(rows: Uint32Array, weights: Float32Array): Uint32Array {
  let sum = 0;
  for (const row of rows) sum += weights[row];
  if (!(sum > 0)) return rows;
  const scale = rows.length / sum;
  const chosen = new Uint32Array(rows.length);
  let count = 0;
  let reached = 0;
  for (const row of rows) {
    reached += weights[row] * scale;
    while (count + 0.5 < reached && count < chosen.length) chosen[count++] = row;
  }
  return count === chosen.length ? chosen : chosen.slice(0, count);
}
