/** Raw features on a common scale. Fitted on training rows alone; a model keeps it and applies it ever after. */
import { z } from "zod";
import type { FeatureMatrix } from "../../strategy/index.ts";

export const featureScale = z.strictObject({
  /** As `computeFeatures` names it. */
  name: z.string().min(1),
  kind: z.enum(["none", "minmax", "zscore"]),
  /** value → (value - offset) · factor. The factor of a column that never changes is 0. */
  offset: z.number(),
  factor: z.number(),
});
export type FeatureScale = z.infer<typeof featureScale>;

/** One column of each symbol, and which of its rows learn. */
interface ScaledColumn {
  readonly values: Float32Array;
  readonly trainingRows: Uint32Array;
}

/**
 * minmax: (x - min) / (max - min); zscore: (x - mean) / s, with s² = Σ(x - mean)² / (n - 1). A column that is the same
 * on all training rows becomes 0.
 */
export function fitScale(name: string, kind: FeatureScale["kind"], columns: readonly ScaledColumn[]): FeatureScale {
  if (kind === "none") return { name, kind, offset: 0, factor: 1 };
  let count = 0;
  let sum = 0;
  let lowest = Number.POSITIVE_INFINITY;
  let highest = Number.NEGATIVE_INFINITY;
  for (const { values, trainingRows } of columns) {
    for (let k = 0; k < trainingRows.length; k++) {
      const value = values[trainingRows[k]];
      sum += value;
      if (value < lowest) lowest = value;
      if (value > highest) highest = value;
    }
    count += trainingRows.length;
  }
  if (count === 0 || lowest === highest) return { name, kind, offset: count === 0 ? 0 : lowest, factor: 0 };
  if (kind === "minmax") return { name, kind, offset: lowest, factor: 1 / (highest - lowest) };
  const mean = sum / count;
  let squares = 0;
  for (const { values, trainingRows } of columns) {
    for (let k = 0; k < trainingRows.length; k++) squares += (values[trainingRows[k]] - mean) ** 2;
  }
  return { name, kind, offset: mean, factor: 1 / Math.sqrt(squares / (count - 1)) };
}

/** Rows that are copied at a time, so that a block of the matrix stays in the processor's cache. */
const BLOCK_ROWS = 128;

/**
 * Columns → rows from bar `firstBar` on, scaled: [row, feature], row-major, into `matrix` from row `atRow` on. A bar that
 * is not `finite` becomes zeros.
 */
export function fillRows(
  columns: readonly Float32Array[],
  scales: readonly FeatureScale[],
  finite: Uint8Array,
  firstBar: number,
  matrix: Float32Array,
  atRow: number,
): void {
  const width = columns.length;
  for (let block = firstBar; block < finite.length; block += BLOCK_ROWS) {
    const end = Math.min(block + BLOCK_ROWS, finite.length);
    const start = (atRow + block - firstBar) * width;
    for (let k = 0; k < width; k++) fillColumn(columns[k], scales[k], block, end, matrix, start + k, width);
  }
  for (let bar = firstBar; bar < finite.length; bar++) {
    const start = (atRow + bar - firstBar) * width;
    if (finite[bar] === 0) matrix.fill(0, start, start + width);
  }
}

function fillColumn(
  column: Float32Array,
  { kind, offset, factor }: FeatureScale,
  bar: number,
  end: number,
  matrix: Float32Array,
  start: number,
  width: number,
): void {
  let at = start;
  if (kind === "none") for (let row = bar; row < end; row++, at += width) matrix[at] = column[row];
  else for (let row = bar; row < end; row++, at += width) matrix[at] = (column[row] - offset) * factor;
}

/** 1 for each row at which every feature is finite. */
export function finiteRows({ columns, features, rows }: FeatureMatrix): Uint8Array {
  const sums = new Float32Array(rows);
  for (const column of tellingColumns(features, columns))
    for (let row = 0; row < rows; row++) sums[row] += 0 * column[row];
  const finite = new Uint8Array(rows);
  for (let row = 0; row < rows; row++) finite[row] = sums[row] === 0 ? 1 : 0;
  return finite;
}

/** One column for each value of an indicator: the raw one if it is there, since a membership of infinity is finite. */
function tellingColumns(features: FeatureMatrix["features"], columns: FeatureMatrix["columns"]): Float32Array[] {
  const byValue = new Map<string, Float32Array>();
  for (const [k, { timeframe, indicator, output, fn }] of features.entries()) {
    const value = `${timeframe} ${output} ${indicator.id}`;
    if (fn === null || !byValue.has(value)) byValue.set(value, columns[k]);
  }
  return [...byValue.values()];
}
