import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  degreeOf,
  faultOfMembership,
  fillDegrees,
  findMembership,
  MEMBERSHIP_TYPES,
  type MembershipFunction,
} from "./membership.ts";

const finite = fc.double({ min: -1000, max: 1000, noNaN: true });
const points = (count: number) =>
  fc.array(finite, { minLength: count, maxLength: count }).map((list) => list.sort((a, b) => a - b));
const positive = fc.double({ min: 0.01, max: 100, noNaN: true });
const membership: fc.Arbitrary<MembershipFunction> = fc.oneof(
  points(3).map((parameters) => ({ type: "triangular" as const, parameters })),
  points(4).map((parameters) => ({ type: "trapezoidal" as const, parameters })),
  fc.tuple(finite, positive).map((parameters) => ({ type: "gaussian" as const, parameters })),
  fc.tuple(finite, positive).map((parameters) => ({ type: "sigmoid" as const, parameters })),
  fc.tuple(positive, positive, finite).map((parameters) => ({ type: "bell" as const, parameters })),
);

describe("membership functions", () => {
  it("have the values of their definitions", () => {
    const triangle: MembershipFunction = { type: "triangular", parameters: [20, 50, 80] };
    expect([10, 20, 35, 50, 65, 80, 90].map((x) => degreeOf(triangle, x))).toEqual([0, 0, 0.5, 1, 0.5, 0, 0]);
    const trapezoid: MembershipFunction = { type: "trapezoidal", parameters: [0, 10, 20, 40] };
    expect([-1, 0, 5, 10, 15, 20, 30, 40].map((x) => degreeOf(trapezoid, x))).toEqual([0, 0, 0.5, 1, 1, 1, 0.5, 0]);
    const gaussian: MembershipFunction = { type: "gaussian", parameters: [50, 10] };
    expect(degreeOf(gaussian, 50)).toBe(1);
    expect(degreeOf(gaussian, 60)).toBe(Math.exp(-0.5));
    expect(degreeOf({ type: "sigmoid", parameters: [70, 0.5] }, 70)).toBe(0.5);
    expect(degreeOf({ type: "bell", parameters: [10, 2, 50] }, 60)).toBe(0.5);
  });

  it("make a shoulder of equal points: the plateau is included, also at the edge", () => {
    expect(degreeOf({ type: "trapezoidal", parameters: [0, 0, 30, 40] }, 0)).toBe(1);
    expect(degreeOf({ type: "trapezoidal", parameters: [60, 70, 100, 100] }, 100)).toBe(1);
    expect(degreeOf({ type: "triangular", parameters: [50, 100, 100] }, 100)).toBe(1);
    expect(degreeOf({ type: "triangular", parameters: [0, 0, 50] }, 0)).toBe(1);
    expect(degreeOf({ type: "trapezoidal", parameters: [0, 0, 30, 40] }, -1)).toBe(0);
    expect(degreeOf({ type: "triangular", parameters: [5, 5, 5] }, 5)).toBe(1);
  });

  it("stay between 0 and 1, give NaN for NaN, and are the same for a column", () => {
    fc.assert(
      fc.property(membership, fc.array(fc.oneof(finite, fc.constant(Number.NaN))), (fn, given) => {
        fc.pre(faultOfMembership(fn.type, fn.parameters) === null);
        const values = Float64Array.from(given);
        const degrees = new Float64Array(values.length);
        fillDegrees(fn, values, degrees);
        for (const [i, value] of values.entries()) {
          const degree = degreeOf(fn, value);
          expect(degrees[i]).toBe(degree);
          if (Number.isNaN(value)) expect(degree).toBeNaN();
          else expect(degree >= 0 && degree <= 1).toBe(true);
        }
      }),
    );
  });

  it("are found by every spelling of their name, and by no other", () => {
    for (const type of MEMBERSHIP_TYPES) {
      expect(findMembership(type.toUpperCase())).toBe(type);
      expect(findMembership(`${type}MF`)).toBe(type);
    }
    expect(findMembership("triangle")).toBeUndefined();
  });

  it("say what is wrong with their parameters", () => {
    expect(faultOfMembership("triangular", [1, 2])).toBe(
      "triangular has 3 parameters (left, peak, right), and 2 are given",
    );
    expect(faultOfMembership("trapezoidal", [1, 3, 2, 4])).toBe("its points 1, 3, 2, 4 do not ascend");
    expect(faultOfMembership("gaussian", [1, 0])).toBe("its sigma is 0, and must be above 0");
    expect(faultOfMembership("gaussian", [1, Number.NaN])).toContain("is not finite");
    expect(faultOfMembership("triangular", [1, 1, 1])).toBeNull();
  });
});
