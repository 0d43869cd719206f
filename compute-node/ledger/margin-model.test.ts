import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DAY_MS } from "../../protocol/durations.ts";
import { type BacktestSettings, backtestSettings, Problem } from "../../protocol/index.ts";
import { holdingCost, liquidationPrice, marginModel } from "./margin-model.ts";

const rulesOf = (settings: Partial<BacktestSettings>) => marginModel(backtestSettings.parse(settings));

describe("holding", () => {
  it("costs a short the borrowing of its value, by the time that passed", () => {
    const rules = rulesOf({ shortBorrowRate: 0.0365 });
    // 100 units at 20 for 10 days at 3.65 % of 365: 2000 · 0.0001 · 10.
    expect(holdingCost(rules, -100, -9000, 20, 10 * DAY_MS)).toBeCloseTo(2, 12);
    expect(holdingCost(rules, -100, -9000, -20, 10 * DAY_MS)).toBeCloseTo(2, 12);
    expect(holdingCost(rules, 100, 1000, 20, 10 * DAY_MS)).toBe(0);
  });

  it("costs a long only the interest on what it borrows", () => {
    const rules = rulesOf({ financingRate: 0.073 });
    expect(holdingCost(rules, 100, 5000, 20, DAY_MS)).toBeCloseTo(1, 12);
    expect(holdingCost(rules, 100, -1, 20, DAY_MS)).toBe(0);
    expect(holdingCost(rules, -100, -9000, 20, DAY_MS)).toBe(0);
  });
});

describe("liquidation", () => {
  it("happens where equity is the maintenance margin of the value", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.01, max: 0.9, noNaN: true }),
        fc.double({ min: 1, max: 1e4, noNaN: true }),
        fc.constantFrom(1, -1),
        fc.double({ min: 0.05, max: 0.9, noNaN: true }),
        (maintenanceMargin, entry, side, equityShare) => {
          const size = side * 7;
          const borrowed = size * entry - 7 * entry * equityShare;
          const price = liquidationPrice({ ...rulesOf({}), maintenanceMargin }, size, borrowed);
          const equity = size * price - borrowed;
          expect(equity / (Math.abs(size) * price)).toBeCloseTo(maintenanceMargin, 9);
        },
      ),
    );
  });

  it("never reaches a long that borrows nothing while prices are above 0", () => {
    expect(liquidationPrice(rulesOf({ maintenanceMargin: 0.5 }), 10, -1)).toBeLessThanOrEqual(0);
    expect(liquidationPrice(rulesOf({}), 10, 5)).toBe(Number.NEGATIVE_INFINITY);
    expect(liquidationPrice(rulesOf({}), -10, 5)).toBe(Number.POSITIVE_INFINITY);
  });

  it("counts the size of a value below 0, on either side", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.01, max: 0.9, noNaN: true }),
        fc.double({ min: -1e4, max: 1e4, noNaN: true }).filter((owed) => Math.abs(owed) > 1e-3),
        fc.constantFrom(7, -7),
        (maintenanceMargin, borrowed, size) => {
          const price = liquidationPrice({ ...rulesOf({}), maintenanceMargin }, size, borrowed);
          const equity = (at: number) => size * at - borrowed;
          const needed = (at: number) => maintenanceMargin * Math.abs(size * at);
          expect(equity(price) / needed(price)).toBeCloseTo(1, 9);
          // A move against the position goes below it, one for the position above.
          const step = Math.abs(price) * 1e-3;
          const against = price - Math.sign(size) * step;
          expect(equity(against)).toBeLessThan(needed(against));
        },
      ),
    );
  });

  it("at or above the margin is an error that names both", () => {
    expect(() => rulesOf({ margin: 0.2, maintenanceMargin: 0.2 })).toThrow(Problem);
    expect(() => rulesOf({ margin: 0.2, maintenanceMargin: 0.3 })).toThrow("0.3 is not below the margin of 0.2");
  });
});
