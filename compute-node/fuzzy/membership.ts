/** Fuzzy membership functions: how much a value belongs to a word such as "oversold", from 0 to 1. */

export interface MembershipFunction {
  readonly type: MembershipType;
  readonly parameters: readonly number[];
}

interface MembershipDeclaration {
  readonly name: string;
  /** Other spellings; case never matters. */
  readonly aliases: readonly string[];
  readonly parameterNames: readonly string[];
  readonly formula: string;
  /** A sentence about parameters that are finite and of the right number, or null. */
  readonly conflict: (parameters: readonly number[]) => string | null;
}

const ascending = (parameters: readonly number[]) =>
  parameters.every((value, k) => k === 0 || value >= parameters[k - 1])
    ? null
    : `its points ${parameters.join(", ")} do not ascend`;

const MEMBERSHIPS = {
  triangular: {
    name: "triangular",
    aliases: ["triangularmf"],
    parameterNames: ["left", "peak", "right"],
    formula: "1 at the peak, 0 at or outside left and right, linear between; equal points make a shoulder",
    conflict: ascending,
  },
  trapezoidal: {
    name: "trapezoidal",
    aliases: ["trapezoidalmf"],
    parameterNames: ["left", "from", "to", "right"],
    formula: "1 from `from` to `to`, both included, 0 at or outside left and right, linear between",
    conflict: ascending,
  },
  gaussian: {
    name: "gaussian",
    aliases: ["gaussianmf"],
    parameterNames: ["mean", "sigma"],
    formula: "exp(-½ × ((x - mean) / sigma)²)",
    conflict: ([, sigma]) => (sigma > 0 ? null : `its sigma is ${sigma}, and must be above 0`),
  },
  sigmoid: {
    name: "sigmoid",
    aliases: ["sigmoidmf"],
    parameterNames: ["centre", "slope"],
    formula: "1 / (1 + exp(-slope × (x - centre))): open to one side, falling with a negative slope",
    conflict: ([, slope]) => (slope !== 0 ? null : "its slope is 0"),
  },
  bell: {
    name: "bell",
    aliases: ["bellmf", "generalized_bell"],
    parameterNames: ["width", "slope", "centre"],
    formula: "1 / (1 + |(x - centre) / width|^(2 × slope))",
    conflict: ([width, slope]) =>
      width > 0 && slope > 0 ? null : `its width ${width} and slope ${slope} must both be above 0`,
  },
} as const satisfies Record<string, MembershipDeclaration>;

type MembershipType = keyof typeof MEMBERSHIPS;
export const MEMBERSHIP_TYPES = Object.keys(MEMBERSHIPS) as MembershipType[];

/** By name or alias, in any case. */
export function findMembership(name: string): MembershipType | undefined {
  const wanted = name.toLowerCase();
  return MEMBERSHIP_TYPES.find(
    (type) => type === wanted || (MEMBERSHIPS[type].aliases as readonly string[]).includes(wanted),
  );
}

/** Says what is wrong with the parameters, as a sentence without its subject; null when they are right. */
export function faultOfMembership(type: MembershipType, parameters: readonly number[]): string | null {
  const { parameterNames, conflict } = MEMBERSHIPS[type];
  if (parameters.length !== parameterNames.length)
    return `${type} has ${parameterNames.length} parameters (${parameterNames.join(", ")}), and ${parameters.length} are given`;
  if (!parameters.every(Number.isFinite)) return `one of its parameters ${parameters.join(", ")} is not finite`;
  return conflict(parameters as number[] & readonly [number, number]);
}

/** The degree of one value; NaN for NaN. The parameters were checked. Peak and plateau are asked first and included. */
export function degreeOf({ type, parameters }: MembershipFunction, value: number): number {
  const [a, b, c, d] = parameters;
  switch (type) {
    case "triangular":
      return triangle(value, a, b, c);
    case "trapezoidal":
      return trapezoid(value, a, b, c, d);
    case "gaussian":
      return gaussian(value, a, b);
    case "sigmoid":
      return 1 / (1 + Math.exp(-b * (value - a)));
    case "bell":
      return 1 / (1 + Math.abs((value - c) / a) ** (2 * b));
  }
}

/** The degrees of a column, one loop for each type so that V8 keeps each tight. */
export function fillDegrees(
  { type, parameters }: MembershipFunction,
  values: Float64Array,
  degrees: Float32Array | Float64Array,
): void {
  const rows = values.length;
  const [a, b, c, d] = parameters;
  switch (type) {
    case "triangular":
      for (let i = 0; i < rows; i++) degrees[i] = triangle(values[i], a, b, c);
      break;
    case "trapezoidal":
      for (let i = 0; i < rows; i++) degrees[i] = trapezoid(values[i], a, b, c, d);
      break;
    case "gaussian":
      for (let i = 0; i < rows; i++) degrees[i] = gaussian(values[i], a, b);
      break;
    default:
      for (let i = 0; i < rows; i++) degrees[i] = degreeOf({ type, parameters }, values[i]);
  }
}

/** A ramp is asked only strictly between its ends, so that nothing divides by 0. */
function triangle(x: number, a: number, b: number, c: number): number {
  if (x === b) return 1;
  if (x <= a || x >= c) return 0;
  return x < b ? (x - a) / (b - a) : (c - x) / (c - b);
}

function trapezoid(x: number, a: number, b: number, c: number, d: number): number {
  if (x >= b && x <= c) return 1;
  if (x <= a || x >= d) return 0;
  return x < b ? (x - a) / (b - a) : (d - x) / (d - c);
}

function gaussian(x: number, mean: number, sigma: number): number {
  const z = (x - mean) / sigma;
  return Math.exp(-0.5 * (z * z));
}
