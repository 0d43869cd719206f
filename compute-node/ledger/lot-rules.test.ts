import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { floorDivide, multipleOf, tradableUnits, wholeLots } from "./lot-rules.ts";

const whole = { fractionalUnits: false, lotSize: 0 };
const lots = (lotSize: number) => ({ fractionalUnits: false, lotSize });

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

describe("a tradable amount", () => {
  it("keeps every amount that is a whole number of lots, in decimal", () => {
    expect(tradableUnits(0.3, lots(0.1))).toBe(0.3);
    expect(tradableUnits(0.7, lots(0.1))).toBe(0.7);
    expect(tradableUnits(0.29, lots(0.01))).toBe(0.29);
    expect(tradableUnits(100 * 0.29, whole)).toBe(29);
  });
  it("is the amount itself where it is written as a decimal number of lots, and less by one lot below it", () => {
    const lotDigits = fc.integer({ min: 0, max: 8 });
    fc.assert(
      fc.property(
        lotDigits,
        fc.constantFrom(1, 2, 5, 25),
        fc.integer({ min: 1, max: 999_999 }),
        (digits, step, count) => {
          const lotSize = Number(`${step}e-${digits}`);
          const exact = Number(`${step * count}e-${digits}`);
          expect(tradableUnits(exact, lots(lotSize))).toBe(exact);
          expect(tradableUnits(exact - lotSize / 2, lots(lotSize))).toBe(Number(`${step * (count - 1)}e-${digits}`));
          expect(multipleOf(lotSize, count)).toBe(exact);
        },
      ),
    );
  });
  it("keeps binary lots that have no short decimal", () => {
    expect(multipleOf(2 ** -40, 3)).toBe(3 * 2 ** -40);
  });
});

describe("units for money", () => {
  it("are none for a cost or money that is not positive", () => {
    expect(wholeLots(100, 0, whole, true)).toBe(0);
    expect(wholeLots(100, -1, { fractionalUnits: true, lotSize: 0 }, true)).toBe(0);
    expect(wholeLots(0, 1, whole, true)).toBe(0);
    expect(wholeLots(Number.NaN, 1, whole, true)).toBe(0);
  });
  it("are whole unless fractions are allowed", () => {
    expect(wholeLots(100, 30, whole, true)).toBe(3);
    expect(wholeLots(100, 30, { fractionalUnits: true, lotSize: 0 }, true)).toBe(100 / 30);
  });
  it("are all that an exact payment buys, and one less where rounding may take it", () => {
    const price = fc.integer({ min: 1, max: 10_000_000 });
    fc.assert(
      fc.property(price, fc.integer({ min: 1, max: 100_000 }), (cents, count) => {
        const money = (cents * count) / 100;
        expect(wholeLots(money, cents / 100, whole, true)).toBe(count);
        expect(wholeLots(money - cents / 200, cents / 100, whole, true)).toBe(count - 1);
        expect(count - wholeLots(money * (1 - Number.EPSILON), cents / 100, whole, false)).toBeLessThanOrEqual(1);
      }),
    );
  });
});
