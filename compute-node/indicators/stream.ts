/** An indicator bar by bar, as bars arrive. */
import type { IndicatorDeclaration, IndicatorParameters, InputColumn, PriceColumn } from "./declaration.ts";
import { withSmallIntegers } from "./small-integers.ts";

interface IndicatorStream {
  /**
   * One value for each output of the declaration, NaN where it is not defined, bit for bit as `computeIndicator` gives
   * it for the same bar. A bar with a missing or infinite input gives NaN and starts the indicator anew. The array is
   * filled again by the next call.
   */
  push(bar: Readonly<Partial<Record<InputColumn, number>>>): Float64Array;
}

/** `source` stands in for the first input. Parameters must have been checked (`faultsOfParameters`). */
export function createStream(
  declaration: IndicatorDeclaration,
  parameters: IndicatorParameters,
  source?: PriceColumn,
): IndicatorStream {
  const names = declaration.inputs.map((name, k) => (k === 0 ? (source ?? name) : name));
  const inputs = names.map(() => new Float64Array(1));
  const values = new Float64Array(declaration.outputs.length);
  const outputs = declaration.outputs.map((_, k) => values.subarray(k, k + 1));
  const integers = withSmallIntegers(parameters);
  let step = declaration.begin(integers);
  let isFresh = true;
  return {
    push(bar) {
      values.fill(Number.NaN);
      for (let k = 0; k < names.length; k++) inputs[k][0] = bar[names[k]] ?? Number.NaN;
      if (inputs.every(([value]) => Number.isFinite(value))) {
        step(inputs, 0, outputs);
        isFresh = false;
      } else if (!isFresh) {
        step = declaration.begin(integers);
        isFresh = true;
      }
      return values;
    },
  };
}
