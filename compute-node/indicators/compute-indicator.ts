import type { IndicatorDeclaration, IndicatorParameters } from "./declaration.ts";
import { withSmallIntegers } from "./small-integers.ts";

/**
 * Fills `outputs` (one column each of the declaration's outputs, of the inputs' length) completely: NaN before the first
 * defined value. Bars where an input is NaN or infinite are NaN, and the indicator starts again after them as on a new
 * series, so that a gap can neither poison what follows nor be bridged unnoticed. Parameters must have been checked
 * (`faultsOfParameters`). Allocates scratch columns at most, and nothing per bar.
 */
export function computeIndicator(
  declaration: IndicatorDeclaration,
  inputs: readonly Float64Array[],
  parameters: IndicatorParameters,
  outputs: readonly Float64Array[],
): void {
  const rows = outputs[0].length;
  const values = withSmallIntegers(parameters);
  if (inputs.every(allFinite)) {
    for (const [k, output] of outputs.entries()) output.fill(Number.NaN, 0, declaration.outputs[k].firstIndex(values));
    declaration.compute(inputs, values, outputs);
    return;
  }
  for (const output of outputs) output.fill(Number.NaN);
  let start = 0;
  while (start < rows) {
    while (start < rows && !finiteAt(inputs, start)) start++;
    let stop = start;
    while (stop < rows && finiteAt(inputs, stop)) stop++;
    if (stop > start) {
      const cut = (column: Float64Array) => column.subarray(start, stop);
      declaration.compute(inputs.map(cut), values, outputs.map(cut));
    }
    start = stop;
  }
}

/** Four sums, since one would wait for itself: 0 × value is 0 only for finite values. */
function allFinite(column: Float64Array): boolean {
  const rows = column.length;
  const whole = rows - (rows % 4);
  let [a, b, c, d] = [0, 0, 0, 0];
  for (let index = 0; index < whole; index += 4) {
    a += 0 * column[index];
    b += 0 * column[index + 1];
    c += 0 * column[index + 2];
    d += 0 * column[index + 3];
  }
  for (let index = whole; index < rows; index++) a += 0 * column[index];
  return a + b + c + d === 0;
}

function finiteAt(inputs: readonly Float64Array[], index: number): boolean {
  for (let column = 0; column < inputs.length; column++) {
    const value = inputs[column][index];
    // NaN for NaN and for both infinities.
    if (value - value !== 0) return false;
  }
  return true;
}
