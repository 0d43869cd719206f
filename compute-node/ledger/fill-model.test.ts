import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { levelPrice, priceWithSpread, roundToTick, slippedPrice, tradedPrice } from "./fill-model.ts";

describe("a tick", () => {
  it("rounds towards the side that is asked for, and leaves what is on the grid", () => {
    expect(roundToTick(100.013, 0.01, 1)).toBe(100.02);
    expect(roundToTick(100.013, 0.01, -1)).toBe(100.01);
    expect(roundToTick(100.1, 0.01, 1)).toBe(100.1);
    expect(roundToTick(17.3, 2.5, -1)).toBe(15);
    expect(roundToTick(0.004, 0.01, -1)).toBe(0.01);
    expect(roundToTick(1.23, 0, 1)).toBe(1.23);
  });

  it("is never in favour of the trader, nor further than one step", () => {
    const price = fc.double({ min: 1, max: 1e5, noNaN: true });
    fc.assert(
      fc.property(price, fc.constantFrom(0.01, 0.05, 0.25, 0.3, 1, 5), (value, tick) => {
        const [up, down] = [roundToTick(value, tick, 1), roundToTick(value, tick, -1)];
        const slack = value * 1e-8;
        expect(up).toBeGreaterThanOrEqual(value - slack);
        expect(down).toBeLessThanOrEqual(Math.max(tick, value + slack));
        expect(up - down).toBeLessThanOrEqual(tick + slack);
        expect(roundToTick(up, tick, -1)).toBe(up);
      }),
    );
  });
});

describe("a price below zero", () => {
  const fills = { spreadRate: 0.02, slippageRate: 0.01, tickSize: 0 };

  it("moves against the trader as one above zero does", () => {
    expect(slippedPrice(fills, -1, -36)).toBeCloseTo(-36.36, 12);
    expect(slippedPrice(fills, 1, -36)).toBeCloseTo(-35.64, 12);
    expect(levelPrice(-100, -1, 0.1, 0)).toBeCloseTo(-110, 12);
    expect(levelPrice(-100, 1, 0.1, 0)).toBeCloseTo(-90, 12);
    expect(tradedPrice({ spreadRate: 0, slippageRate: 0, tickSize: 0.01 }, -1, -36)).toBe(-36);
    expect(tradedPrice({ spreadRate: 0, slippageRate: 0, tickSize: 0.01 }, -1, -36.004)).toBe(-36.01);
  });

  it("or above is never better for a buyer after slippage and spread, nor for a seller", () => {
    const price = fc.double({ min: -1e4, max: 1e4, noNaN: true });
    fc.assert(
      fc.property(price, fc.constantFrom(0, 0.01, 0.25, 0.3), (value, tickSize) => {
        const slack = (Math.abs(value) + tickSize) * 1e-8;
        const rules = { ...fills, tickSize };
        expect(priceWithSpread(rules, 1, slippedPrice(rules, 1, value))).toBeGreaterThanOrEqual(value - slack);
        expect(tradedPrice(rules, -1, value)).toBeLessThanOrEqual(
          Math.max(value + slack, value > 0 ? tickSize : value + slack),
        );
      }),
    );
  });
});
