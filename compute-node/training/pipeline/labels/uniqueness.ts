/** Measures the uniqueness of overlapping labels. */

/**
 * The mean over a label's bars of 1 / (labels that are active there), divided by the mean of all labels (López de Prado
 * 2018, section 4.4). The label of row t is active from t on for `holding[t]` bars; 0 has no label, and weight 0.
 */
export function uniquenessWeights(holding: Int32Array): Float32Array {
  const rows = holding.length;
  // Changes of the number of active labels, then the running sum of its inverse.
  const active = new Int32Array(rows + 1);
  for (let row = 0; row < rows; row++) {
    if (holding[row] === 0) continue;
    active[row]++;
    active[Math.min(rows, row + holding[row])]--;
  }
  const inverses = new Float64Array(rows + 1);
  let count = 0;
  for (let row = 0; row < rows; row++) {
    count += active[row];
    inverses[row + 1] = inverses[row] + (count > 0 ? 1 / count : 0);
  }
  const weights = new Float32Array(rows);
  let sum = 0;
  let labels = 0;
  for (let row = 0; row < rows; row++) {
    if (holding[row] === 0) continue;
    const end = Math.min(rows, row + holding[row]);
    weights[row] = (inverses[end] - inverses[row]) / (end - row);
    sum += weights[row];
    labels++;
  }
  for (let row = 0; row < rows; row++) weights[row] *= labels / sum;
  return weights;
}
