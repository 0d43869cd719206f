import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { largeRates } from "./large-rates.ts";

describe("large rates", () => {
  it("are said in words, with what was probably meant", () => {
    expect(largeRates({ commissionRate: 0.1 })).toEqual([
      {
        code: "large-rate",
        message: "The commission of 0.1 is 10 % of each order's value; 0.1 % is written 0.001 or 0.1%.",
        count: 1,
      },
    ]);
  });

  it("are one warning for each rate", () => {
    const all = { commissionRate: 0.07, makerCommissionRate: -0.01, spreadRate: 0.02, slippageRate: 0.5 };
    expect(largeRates(all).map(({ message }) => message)).toEqual([
      "The commission of 0.07 is 7 % of each order's value; 0.07 % is written 0.0007 or 0.07%.",
      "The maker commission of -0.01 is -1 % of the value of each limit order that stood in the book; -0.01 % is written -0.0001 or -0.01%.",
      "The spread of 0.02 is 2 % of each entry's price; 0.02 % is written 0.0002 or 0.02%.",
      "The slippage of 0.5 is 50 % of each fill's price; 0.5 % is written 0.005 or 0.5%.",
    ]);
  });

  it("begin at 1 %", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 0.5, noNaN: true }), (slippageRate) => {
        expect(largeRates({ slippageRate })).toHaveLength(slippageRate >= 0.01 ? 1 : 0);
      }),
    );
    expect(largeRates({})).toEqual([]);
  });
});
