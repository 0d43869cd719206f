/** Copies examples of a training set into a kernel's panels of eight columns. */
import type { Batch, InputRows } from "./compiled-network.ts";

/** Where the rows go. */
interface PanelRows {
  readonly panels: Float32Array;
  /** Rows of a panel. */
  readonly stride: number;
  /** The first of the rows, and how many with those that are filled up with zeros. */
  readonly firstRow: number;
  readonly paddedCount: number;
}

/**
 * Row b of the output becomes the row of features that stands `back` before the end of example b. Before the first
 * row of all, that is the first.
 */
export function gatherRows(set: InputRows, batch: Batch, back: number, target: PanelRows): void {
  const { features, inputs } = set;
  const { rows, first, count } = batch;
  const { panels, stride, firstRow, paddedCount } = target;
  for (let column = 0; column < inputs; column += 8) {
    const width = Math.min(8, inputs - column);
    let to = column * stride + firstRow * 8;
    for (let example = 0; example < count; example++) {
      const from = Math.max(0, rows[first + example] - back) * inputs + column;
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
