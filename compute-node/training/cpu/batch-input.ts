/** Copies examples of a training set into a kernel's panels of eight columns. */
import type { TrainingSet } from "../network.ts";

/** Row b of the panels becomes row `rows[first + b]` of the features; up to `paddedCount` the rows become zero. */
export function gatherRows(
  set: TrainingSet,
  rows: Uint32Array,
  first: number,
  count: number,
  paddedCount: number,
  panels: Float32Array,
  stride: number,
): void {
  const { features, inputs } = set;
  for (let column = 0; column < inputs; column += 8) {
    const width = Math.min(8, inputs - column);
    let to = column * stride;
    for (let example = 0; example < count; example++) {
      const from = rows[first + example] * inputs + column;
      if (width === 8) {
        // Written out, since this is a tenth faster over a whole epoch than a loop.
        panels[to] = features[from];
        panels[to + 1] = features[from + 1];
        panels[to + 2] = features[from + 2];
        panels[to + 3] = features[from + 3];
        panels[to + 4] = features[from + 4];
        panels[to + 5] = features[from + 5];
        panels[to + 6] = features[from + 6];
        panels[to + 7] = features[from + 7];
      } else {
        for (let lane = 0; lane < width; lane++) panels[to + lane] = features[from + lane];
      }
      to += 8;
    }
    panels.fill(0, to, to + (paddedCount - count) * 8);
  }
}
