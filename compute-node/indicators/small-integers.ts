import type { IndicatorParameters } from "./declaration.ts";

/**
 * The same values, whole numbers as small integers. A number that was parsed may be kept as a double, also where it is
 * whole; a kernel whose loop ends or reaches back by such a number does all its index arithmetic in doubles, and takes
 * nearly twice as long. No prototype: such an object's fields have no type of their own that would make doubles of them.
 */
export function withSmallIntegers(parameters: IndicatorParameters): IndicatorParameters {
  const values = Object.create(null) as Record<string, number>;
  for (const name of Object.keys(parameters)) {
    const value = parameters[name];
    const integer = value | 0;
    values[name] = Object.is(integer, value) ? integer : value;
  }
  return values;
}
