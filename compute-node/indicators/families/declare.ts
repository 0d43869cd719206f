/** The vocabulary of the tables. */
import type {
  IndicatorDeclaration,
  IndicatorKernel,
  IndicatorOutput,
  IndicatorParameter,
  IndicatorParameters,
  IndicatorStep,
  Scale,
} from "../declaration.ts";
import type { Operator } from "../operators/averages.ts";

export const TA_LIB = "TA-Lib 0.6 (ta-lib.org), function";
/** In the unit of prices. */
export const PRICE: Scale = { price: 1, volume: 0 };
/** In the unit of volumes. */
export const VOLUME_UNIT: Scale = { price: 0, volume: 1 };
/** Without a unit. */
export const RATIO: Scale = { price: 0, volume: 0 };
export const WILDER = "J. Welles Wilder, New Concepts in Technical Trading Systems (1978)";

export function wholeNumber(
  name: string,
  standard: number,
  min: number,
  max: number,
  description: string,
): IndicatorParameter {
  return { name, default: standard, min, max, integer: true, description };
}

export function decimal(
  name: string,
  standard: number,
  min: number,
  max: number,
  description: string,
): IndicatorParameter {
  return { name, default: standard, min, max, integer: false, description };
}

/** Written as one of `choices`; the kernel gets the index. */
export function choice(
  name: string,
  standard: number,
  choices: readonly (string | boolean)[],
  description: string,
): IndicatorParameter {
  return { name, default: standard, min: 0, max: choices.length - 1, integer: true, description, choices };
}

export function period(standard: number, min = 1, max = 5000): IndicatorParameter {
  return wholeNumber("period", standard, min, max, "Number of bars");
}

export function output(
  name: string,
  description: string,
  firstIndex: (parameters: IndicatorParameters) => number,
): IndicatorOutput {
  return { name, description, firstIndex };
}

/** One output called `value`. */
export function value(firstIndex: (parameters: IndicatorParameters) => number): IndicatorOutput[] {
  return [output("value", "The value", firstIndex)];
}

/** The one output of an indicator whose window is `period` bars. */
export const windowValue = value((p) => p.period - 1);
/** The one output of an indicator that looks back `period` bars from the current one. */
export const lookbackValue = value((p) => p.period);
export const everyBar = value(() => 0);

type Arithmetic = Pick<IndicatorDeclaration, "compute" | "begin">;

/** Arithmetic that is written only bar by bar: the batch is the loop over it. */
export function stepwise(begin: (parameters: IndicatorParameters) => IndicatorStep): Arithmetic {
  const compute: IndicatorKernel = (inputs, parameters, outputs) => {
    const step = begin(parameters);
    const rows = outputs[0].length;
    for (let index = 0; index < rows; index++) step(inputs, index, outputs);
  };
  return { begin, compute };
}

/** One input, one output. */
export function ofValue(make: (parameters: IndicatorParameters) => Operator): Arithmetic {
  return stepwise((parameters) => {
    const next = make(parameters);
    return ([values], index, [result]) => {
      result[index] = next(values[index]);
    };
  });
}

/** Several inputs, one output. */
export function ofBar(make: (parameters: IndicatorParameters) => (...values: number[]) => number): Arithmetic {
  return stepwise((parameters) => {
    const next = make(parameters);
    return (inputs, index, [result]) => {
      switch (inputs.length) {
        case 2:
          result[index] = next(inputs[0][index], inputs[1][index]);
          break;
        case 3:
          result[index] = next(inputs[0][index], inputs[1][index], inputs[2][index]);
          break;
        case 4:
          result[index] = next(inputs[0][index], inputs[1][index], inputs[2][index], inputs[3][index]);
          break;
        default:
          result[index] = next(...inputs.map((column) => column[index]));
      }
    };
  });
}

/**
 * `declaration` with the arithmetic and the common fields filled in. `kernel` computes whole columns faster than
 * the loop over the steps, with the same bits.
 */
export function declare(
  declaration: Omit<IndicatorDeclaration, "aliases" | "inputs" | "takesSource" | "compute" | "begin"> &
    Partial<Pick<IndicatorDeclaration, "aliases" | "inputs" | "takesSource">>,
  arithmetic: Arithmetic,
  kernel: IndicatorKernel = arithmetic.compute,
): IndicatorDeclaration {
  const inputs = declaration.inputs ?? ["close"];
  const shared = { aliases: [], inputs, takesSource: declaration.inputs === undefined };
  return { ...shared, ...declaration, begin: arithmetic.begin, compute: kernel };
}
