/** Kernels whose large calls are shared with helper threads; small ones are not worth the word. */
import { Problem } from "../../../protocol/problem.ts";
import type { Kernels } from "../kernels/kernels.ts";
import { linesOf, panelsOf, type SharedOperation } from "./kernel-parts.ts";
import { PARTS_MAX, type SharedCalls } from "./shared-calls.ts";

/** From how large on a call is shared. */
export interface SplitThresholds {
  /** Multiplications of a network's largest product: below it the whole network has one thread. */
  readonly network: number;
  /** Multiplications of a product. */
  readonly product: number;
  /** Floats that an optimiser changes or a transposition moves. */
  readonly floats: number;
}

/**
 * A call of a tenth of a millisecond on one core: waking a helper that sleeps takes half of that. A network of 128 units
 * a layer would win a tenth on a machine that has nothing else to do, and lose as much on one that has.
 */
export const SPLIT_THRESHOLDS: SplitThresholds = { network: 2 ** 22, product: 2 ** 21, floats: 2 ** 17 };

/** Parts for each thread: whoever is held up takes fewer. */
const PARTS_PER_THREAD = 4;

/** `kernels` are on shared memory; `threadCount` counts this thread too. */
export function splitKernels(
  kernels: Kernels,
  calls: SharedCalls,
  threadCount: number,
  { product, floats }: SplitThresholds = SPLIT_THRESHOLDS,
): Kernels {
  const share = (operation: SharedOperation, units: number, values: readonly number[]) => {
    const parts = Math.min(units, threadCount * PARTS_PER_THREAD, PARTS_MAX);
    if (!calls.call(kernels, operation, units, parts, values)) throw stuck();
  };
  return {
    ...kernels,
    multiply(...values) {
      const [, , , , , , , , rows, depth, columns] = values;
      if (rows * depth * columns < product) kernels.multiply(...values);
      else share("multiply", panelsOf(columns), values);
    },
    multiplyTransposed(...values) {
      const [, , , , , , rows, leftColumns, rightColumns] = values;
      if (rows * leftColumns * rightColumns < product) kernels.multiplyTransposed(...values);
      else share("multiplyTransposed", panelsOf(rightColumns), values);
    },
    transpose(...values) {
      const [, , , , rows, columns] = values;
      if (rows * columns < floats) kernels.transpose(...values);
      else share("transpose", panelsOf(columns), values);
    },
    adam(...values) {
      if (values[4] < floats) kernels.adam(...values);
      else share("adam", linesOf(values[4]), values);
    },
    descend(...values) {
      if (values[3] < floats) kernels.descend(...values);
      else share("descend", linesOf(values[3]), values);
    },
    scaleByRoot(...values) {
      if (values[3] < floats) kernels.scaleByRoot(...values);
      else share("scaleByRoot", linesOf(values[3]), values);
    },
  };
}

function stuck(): Problem {
  return new Problem("unavailable", "A thread that helps with a large network did not finish its part in a minute.", {
    cure: "Look at the node's processors, or set --training-threads 1.",
  });
}
