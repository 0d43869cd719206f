/** Sizes of a portfolio's entries against plain arithmetic: the most that the account carries, and never a lot fewer. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type BacktestSettings, backtestSettings } from "../../protocol/operations/index.ts";
import { PortfolioAccount } from "./account.ts";
import { runPortfolio } from "./engine.ts";
import type { PortfolioPlan, PortfolioSymbol } from "./portfolio-model.ts";
import { barsOf, symbolOf } from "./testing/portfolio-parts.ts";

const cents = (max: number) => fc.integer({ min: 1, max }).map((value) => value / 100);

const randomCosts = fc.record({
  commissionFixed: fc.oneof(fc.constant(0), cents(2000)),
  commissionRate: fc.constantFrom(0, 0.001, 0.02),
  commissionPerUnit: fc.oneof(fc.constant(0), cents(10)),
  commissionMinimum: fc.oneof(fc.constant(0), cents(2000)),
  spreadRate: fc.constantFrom(0, 0.001),
  slippageRate: fc.constantFrom(0, 0.01),
  margin: fc.constantFrom(1, 0.5, 0.2),
  lotSize: fc.constantFrom(0, 0.1, 0.01, 0.25, 5),
  initialCapital: cents(100_000_000),
});
const randomEntry = fc.record({
  price: fc.tuple(cents(50_000), fc.constantFrom(1, 1, 1, -1)).map(([price, sign]) => sign * price),
  side: fc.constantFrom(1 as const, -1 as const),
  share: fc.integer({ min: 1, max: 100 }).map((percent) => percent / 100),
  rate: fc.constantFrom(1, 1, 1.25),
});

const PLAN: PortfolioPlan = { maxPositions: 9, weight: 1, maxWeight: 1, rankOrder: "descending", rebalance: null };
const flat = (names: readonly string[], price = 100): PortfolioSymbol[] =>
  names.map((name) => symbolOf(name, barsOf([price, price, price, price]), { entryLong: [1] }));

/** The money that `units` bind and cost, as a broker's contract note would say it. */
function contractNote(settings: BacktestSettings, units: number, price: number): number {
  const { commissionFixed, commissionRate, commissionPerUnit, commissionMinimum, margin } = settings;
  const value = units * Math.abs(price);
  const commission = commissionFixed + value * commissionRate + units * commissionPerUnit;
  return value * margin + Math.max(commission, commissionMinimum);
}

describe("an entry of a portfolio", () => {
  it("takes the most lots that its weight and the free equity carry: one more does not fit", () => {
    const entries = fc.array(randomEntry, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(randomCosts, entries, (costs, wanted) => {
        const settings = backtestSettings.parse(costs);
        const account = new PortfolioAccount(flat(["A", "B", "C", "D"]), settings, PLAN);
        const equity = account.equity();
        for (const [slot, { price, side, share, rate }] of wanted.entries()) {
          const money = Math.min(equity * share, account.freeMoney());
          const refusal = account.open(slot, side, { price, rate, moment: 0 }, share, equity, price);
          const units = Math.abs(account.size[slot]);
          const lot = settings.lotSize === 0 ? 1 : settings.lotSize;
          const move = side * (price < 0 ? -1 : 1);
          const cost = price * (1 + move * settings.slippageRate) * (1 + move * settings.spreadRate) * rate;
          expect(units > 0).toBe(refusal === null);
          expect(units).toBe(Number(units.toFixed(2)));
          const slack = 1e-9 * equity;
          if (units > 0) expect(contractNote(settings, units, cost)).toBeLessThanOrEqual(money + slack);
          expect(contractNote(settings, units + lot, cost)).toBeGreaterThan(money - slack);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it("takes equal slots whole: what is exactly affordable is bought in each of them", () => {
    const slots = fc.integer({ min: 1, max: 20 });
    fc.assert(
      fc.property(slots, fc.integer({ min: 1, max: 500 }), cents(50_000), fc.boolean(), (count, lots, price, short) => {
        const settings = backtestSettings.parse({ initialCapital: Number((count * lots * price).toFixed(2)) });
        const names = Array.from({ length: count }, (_, index) => `S${10 + index}`);
        const account = new PortfolioAccount(flat(names), settings, { ...PLAN, weight: 1 / count });
        const equity = account.equity();
        for (const slot of names.keys())
          account.open(slot, short ? -1 : 1, { price, rate: 1, moment: 0 }, 1 / count, equity, price);
        expect(Array.from(account.size, Math.abs)).toEqual(names.map(() => lots));
        expect([account.reducedEntries, account.freeMoney()]).toEqual([0, 0]);
      }),
      { numRuns: 1000 },
    );
  });

  it("in parts of a unit leaves no dust for those that come later, and is not called reduced for a rounding", () => {
    const slots = fc.integer({ min: 1, max: 20 });
    fc.assert(
      fc.property(
        slots,
        fc.double({ min: 0.01, max: 1e5, noNaN: true }),
        cents(10_000_000),
        (count, price, capital) => {
          const settings = backtestSettings.parse({ initialCapital: capital, fractionalUnits: true });
          const names = Array.from({ length: count + 1 }, (_, index) => `S${10 + index}`);
          const account = new PortfolioAccount(flat(names), settings, PLAN);
          const answers = [...names.keys()].map((slot) =>
            account.open(slot, 1, { price, rate: 1, moment: 0 }, 1 / count, capital, price),
          );
          expect(answers).toEqual([...Array.from({ length: count }, () => null), "no_cash"]);
          expect(account.reducedEntries).toBe(0);
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe("sizes of a portfolio", () => {
  const sizesOf = (names: readonly string[], settings: object, plan: Partial<PortfolioPlan> = {}) =>
    runPortfolio(flat(names), { ...PLAN, ...plan }, backtestSettings.parse(settings)).trades.map(({ size }) => size);

  it("are 50 and 50 units for two equal slots of 10,000 at 100, and 49 under allIn: below", () => {
    const two = { initialCapital: 10_000 };
    const equal = { maxPositions: 2, weight: 0.5 };
    expect(sizesOf(["A", "B"], two, equal)).toEqual([50, 50]);
    expect(sizesOf(["A", "B"], { ...two, allIn: "below" }, equal)).toEqual([49, 49]);
  });

  it("stay in lots: 70 at 100 are 0.7 in lots of 0.1, also where a rebalance adds up to it", () => {
    expect(sizesOf(["A"], { initialCapital: 70, lotSize: 0.1 })).toEqual([0.7]);
    const settings = backtestSettings.parse({ initialCapital: 30, lotSize: 0.1 });
    const rebalance = { every: 1, weights: "equal", volatility_bars: 2, select: "held", band: 0 } as const;
    const account = new PortfolioAccount(flat(["A"]), settings, { ...PLAN, rebalance });
    account.open(0, 1, { price: 100, rate: 1, moment: 0 }, 1 / 3, 30, 100);
    expect(account.size[0]).toBe(0.1);
    account.resize(0, { price: 100, rate: 1, moment: 0 }, 1, 30, true);
    expect(account.size[0]).toBe(0.3);
    account.resize(0, { price: 100, rate: 1, moment: 0 }, 2 / 3, 30, false);
    expect([account.size[0], account.trades[0].size]).toEqual([0.2, 0.1]);
  });

  it("count a fixed fee once for an order, and once for each unit under fixedFeeSizing: per_unit", () => {
    const units = (fee: number, more: object = {}) => sizesOf(["A"], { commissionFixed: fee, ...more })[0];
    expect([0, 1, 10, 100].map((fee) => units(fee))).toEqual([1000, 999, 999, 999]);
    expect([1, 10, 100].map((fee) => units(fee, { fixedFeeSizing: "per_unit" }))).toEqual([990, 909, 500]);
  });
});
