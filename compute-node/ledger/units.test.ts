import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { floorDivide, unitsFor } from "./units.ts";

describe("floor division", () => {
  it("never claims a unit that the money does not pay, where a rounded quotient does", () => {
    // The double nearest 0.1 is a little more than a tenth, so ten of them are more than 1.
    expect(Math.floor(1 / 0.1)).toBe(10);
    expect(floorDivide(1, 0.1)).toBe(9);
  });
  it("gives the largest whole number whose exact product fits", () => {
    const cents = fc.integer({ min: 1, max: 2 ** 31 });
    fc.assert(
      fc.property(cents, cents, (money, cost) => {
        const exact = (BigInt(money) * 1n) / BigInt(cost);
        expect(floorDivide(money / 1024, cost / 1024)).toBe(Number(exact));
      }),
    );
  });
});

describe("units", () => {
  it("are none for a cost or money that is not positive", () => {
    expect(unitsFor(100, 0, false)).toBe(0);
    expect(unitsFor(100, -1, true)).toBe(0);
    expect(unitsFor(0, 1, true)).toBe(0);
    expect(unitsFor(Number.NaN, 1, true)).toBe(0);
  });
  it("are whole unless fractions are allowed", () => {
    expect(unitsFor(100, 30, false)).toBe(3);
    expect(unitsFor(100, 30, true)).toBe(100 / 30);
  });
});
