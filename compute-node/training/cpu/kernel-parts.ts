/**
 * Parts of a kernel's call that write different places. Every number is computed as in one call, in the same order: how a
 * call is cut changes no bit.
 */
import type { Kernels } from "../kernels/kernels.ts";

/** Counted in the units that a call is cut by: panels of columns for matrices, cache lines for an optimiser. */
interface Part {
  readonly first: number;
  readonly count: number;
}

type RunPart = (kernels: Kernels, values: Float64Array, part: Part) => void;

/** Floats of a cache line: no two threads write into one. */
const LINE_FLOATS = 16;
const PANEL_COLUMNS = 8;
/** Bytes of a panel's row. */
const ROW_BYTES = 32;
const FLOAT_BYTES = 4;

export function panelsOf(columns: number): number {
  return Math.ceil(columns / PANEL_COLUMNS);
}

export function linesOf(length: number): number {
  return Math.ceil(length / LINE_FLOATS);
}

/** Where a part's panels begin within a matrix. */
function panelOffset({ first }: Part, stride: number): number {
  return first * stride * ROW_BYTES;
}

function columnsOf({ first, count }: Part, all: number): number {
  return Math.min(all - first * PANEL_COLUMNS, count * PANEL_COLUMNS);
}

function lineOffset({ first }: Part): number {
  return first * LINE_FLOATS * FLOAT_BYTES;
}

function lengthOf({ first, count }: Part, all: number): number {
  return Math.min(all - first * LINE_FLOATS, count * LINE_FLOATS);
}

/** One part of each operation, given the arguments of the whole call. */
export const RUN_PART = {
  multiply(kernels, values, part) {
    const [left, leftStride, right, rightStride, start, result, resultStride, slopes, ...sizes] = values;
    const [rows, depth, columns, finish] = sizes;
    const by = panelOffset(part, resultStride);
    kernels.multiply(
      left,
      leftStride,
      right + panelOffset(part, rightStride),
      rightStride,
      start === 0 ? 0 : start + part.first * PANEL_COLUMNS * FLOAT_BYTES,
      result + by,
      resultStride,
      slopes + by,
      rows,
      depth,
      columnsOf(part, columns),
      finish,
    );
  },
  multiplyTransposed(kernels, values, part) {
    const [left, leftStride, right, rightStride, result, resultStride, rows, leftColumns, rightColumns] = values;
    kernels.multiplyTransposed(
      left,
      leftStride,
      right + panelOffset(part, rightStride),
      rightStride,
      result + panelOffset(part, resultStride),
      resultStride,
      rows,
      leftColumns,
      columnsOf(part, rightColumns),
    );
  },
  transpose(kernels, [from, fromStride, to, toStride, rows, columns], part) {
    const target = to + part.first * PANEL_COLUMNS * ROW_BYTES;
    kernels.transpose(
      from + panelOffset(part, fromStride),
      fromStride,
      target,
      toStride,
      rows,
      columnsOf(part, columns),
    );
  },
  adam(kernels, values, part) {
    const [weights, gradients, first, second, length, clip, decay, shrink, beta1, beta2, rate, rootScale, epsilon] =
      values;
    const by = lineOffset(part);
    kernels.adam(
      weights + by,
      gradients + by,
      first + by,
      second + by,
      lengthOf(part, length),
      clip,
      decay,
      shrink,
      beta1,
      beta2,
      rate,
      rootScale,
      epsilon,
    );
  },
  descend(kernels, [weights, gradients, velocity, length, clip, decay, momentum, rate], part) {
    const by = lineOffset(part);
    // Without momentum there is no velocity, and nobody looks at its address.
    const at = [weights + by, gradients + by, velocity + by] as const;
    kernels.descend(...at, lengthOf(part, length), clip, decay, momentum, rate);
  },
  scaleByRoot(kernels, [weights, gradients, second, length, clip, decay, alpha, rate, epsilon], part) {
    const by = lineOffset(part);
    const at = [weights + by, gradients + by, second + by] as const;
    kernels.scaleByRoot(...at, lengthOf(part, length), clip, decay, alpha, rate, epsilon);
  },
} satisfies Partial<Record<keyof Kernels, RunPart>>;

export type SharedOperation = keyof typeof RUN_PART;
