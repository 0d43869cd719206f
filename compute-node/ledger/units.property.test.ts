/** Sizes of entries against plain arithmetic: the most whose margin and commission fit, and never one fewer. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type BacktestSettings, backtestSettings } from "../../protocol/index.ts";
import { accountModels } from "./account-models.ts";
import { entryUnits } from "./units.ts";

const cents = (max: number) => fc.integer({ min: 1, max }).map((value) => value / 100);

const randomCosts = fc.record({
  commissionFixed: fc.oneof(fc.constant(0), cents(20_000)),
  commissionRate: fc.oneof(
    fc.constant(0),
    fc.integer({ min: 1, max: 500 }).map((points) => points / 10_000),
  ),
  commissionPerUnit: fc.oneof(fc.constant(0), cents(10)),
  commissionMinimum: fc.oneof(fc.constant(0), cents(2000)),
  margin: fc.constantFrom(1, 0.5, 0.2),
  lotSize: fc.constantFrom(0, 0.1, 0.01, 0.25, 5),
});
/** Some markets trade below zero. */
const randomPrice = fc.tuple(cents(50_000), fc.constantFrom(1, 1, 1, -1)).map(([price, sign]) => sign * price);

type Costs = Partial<BacktestSettings> & { readonly margin: number };

/** The money that `units` bind and cost, as a broker's contract note would say it. */
function contractNote(costs: Costs, units: number, price: number): number {
  const value = units * Math.abs(price);
  const { commissionFixed = 0, commissionRate = 0, commissionPerUnit = 0, commissionMinimum = 0 } = costs;
  const commission = commissionFixed + value * commissionRate + units * commissionPerUnit;
  return value * costs.margin + Math.max(commission, commissionMinimum);
}

const buy = (
  costs: Costs,
  demand: { fraction?: number; units?: number; money?: number },
  free: number,
  price: number,
) => {
  const settings = backtestSettings.parse(costs);
  const { fraction = 1, units = null, money = null } = demand;
  const prices = { fill: price, entry: price, rate: settings.commissionRate };
  return entryUnits({ fraction, units, money }, free, prices, accountModels(settings));
};

/** Whole units where there is no lot. */
const stepOf = ({ lotSize = 0 }: Costs) => (lotSize > 0 ? lotSize : 1);

describe("an entry of a fraction of the money", () => {
  it("takes the most units that the fraction carries: one lot more does not fit", () => {
    const fraction = fc.integer({ min: 1, max: 100 }).map((percent) => percent / 100);
    fc.assert(
      fc.property(randomCosts, randomPrice, cents(100_000_000), fraction, (costs, price, free, part) => {
        const units = buy(costs, { fraction: part }, free, price);
        const budget = free * part;
        if (units > 0) expect(contractNote(costs, units, price)).toBeLessThanOrEqual(budget * (1 + 1e-9));
        expect(contractNote(costs, units + stepOf(costs), price)).toBeGreaterThan(budget * (1 - 1e-9));
      }),
      { numRuns: 5000 },
    );
  });

  it("buys what the money pays to the cent", () => {
    const count = fc.integer({ min: 1, max: 20_000 });
    fc.assert(
      fc.property(randomCosts, randomPrice, count, (costs, price, lots) => {
        const units = Number((lots * stepOf(costs)).toFixed(2));
        const free = contractNote(costs, units, price);
        expect(buy(costs, {}, free, price)).toBe(units);
        expect(buy(costs, { units }, free, price)).toBe(units);
        // Half of twice the money, and each percentage of what it is a percentage of.
        for (const percent of [50, 57, 29, 7]) {
          expect(buy(costs, { fraction: percent / 100 }, (free * 100) / percent, price)).toBe(units);
        }
      }),
      { numRuns: 3000 },
    );
  });
});

describe("an entry of fixed units", () => {
  it("is taken whole where the money carries it, and not at all where a cent is missing", () => {
    fc.assert(
      fc.property(randomCosts, randomPrice, fc.integer({ min: 1, max: 5000 }), (costs, price, lots) => {
        const units = Number((lots * stepOf(costs)).toFixed(2));
        const needed = contractNote(costs, units, price);
        expect(buy(costs, { units }, needed, price)).toBe(units);
        expect(buy(costs, { units }, needed - 0.01, price)).toBe(0);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("an entry for money", () => {
  it("takes the most units whose value and commission are within it, borrowed or not", () => {
    fc.assert(
      fc.property(randomCosts, randomPrice, cents(1_000_000), (costs, price, money) => {
        const units = buy(costs, { money }, 1e9, price);
        const whole = { ...costs, margin: 1 };
        if (units > 0) expect(contractNote(whole, units, price)).toBeLessThanOrEqual(money * (1 + 1e-9));
        expect(contractNote(whole, units + stepOf(costs), price)).toBeGreaterThan(money * (1 - 1e-9));
      }),
      { numRuns: 3000 },
    );
  });
});

describe("an entry under the conventions of backtesting.py", () => {
  const settings = { allIn: "below", fixedFeeSizing: "per_unit", margin: 1 } as const;

  it("buys one unit less than all, and pays the fixed fee once for each unit", () => {
    expect(buy(settings, {}, 10_000, 100)).toBe(99);
    expect(buy(settings, { fraction: 0.57 }, 10_000, 100)).toBe(56);
    expect([1, 10, 100].map((commissionFixed) => buy({ ...settings, commissionFixed }, {}, 100_000, 100))).toEqual([
      990, 909, 499,
    ]);
    const { fixedFeeSizing: _perOrder, ...perOrder } = settings;
    expect(buy({ ...perOrder, commissionFixed: 100 }, {}, 100_000, 100)).toBe(998);
  });

  it("differs from today's answers, which are 1000, 999, 999 and 999", () => {
    const fees = [0, 1, 10, 100];
    expect(fees.map((commissionFixed) => buy({ margin: 1, commissionFixed }, {}, 100_000, 100))).toEqual([
      1000, 999, 999, 999,
    ]);
  });
});
