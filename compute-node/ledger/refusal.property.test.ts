/** A refusal names the one thing that stood in the way. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backtestSettings } from "../../protocol/operations/index.ts";
import { accountModels } from "./account-models.ts";
import { type EntryRefusal, entryRefusal, refusalFigures } from "./refusal.ts";
import { type EntryDemand, entryUnits } from "./units.ts";

/** Whole figures, so that every product is exact. */
const randomEntry = fc
  .record({
    price: fc.oneof(fc.constant(0), fc.integer({ min: -50, max: 50 })),
    free: fc.integer({ min: -10, max: 2000 }),
    units: fc.oneof(fc.constant(null), fc.integer({ min: 1, max: 100 })),
    money: fc.oneof(fc.constant(null), fc.integer({ min: 1, max: 4000 })),
    fraction: fc.constantFrom(1, 0.5, 0.125, Number.NaN),
    lotSize: fc.constantFrom(0, 8),
    margin: fc.constantFrom(1, 0.5),
    fee: fc.integer({ min: 0, max: 30 }),
  })
  // One of the three decides.
  .map((entry) => ({
    ...entry,
    money: entry.units === null ? entry.money : null,
    fraction: entry.units === null && entry.money === null ? entry.fraction : 1,
  }));
type RandomEntry = typeof randomEntry extends fc.Arbitrary<infer Value> ? Value : never;

function worked({ price, lotSize, margin, fee, units, money, fraction }: RandomEntry) {
  const settings = backtestSettings.parse({ lotSize, margin, commissionFixed: fee });
  const demand: EntryDemand = { fraction, units, money };
  return { models: accountModels(settings), demand, prices: { fill: price, entry: price, rate: 0 } };
}

/** The reason by plain arithmetic; null where something is bought. */
function reasonOf(entry: RandomEntry): EntryRefusal | null {
  const { price, free, units, money, fraction, lotSize, margin, fee } = entry;
  const lot = lotSize === 0 ? 1 : lotSize;
  const costOf = (count: number) => count * Math.abs(price) * margin + fee;
  if (price === 0 || Number.isNaN(fraction)) return "no_size";
  if (units !== null && units < lot) return "below_lot";
  const missing: EntryRefusal = margin < 1 ? "margin" : "no_cash";
  if (units !== null) {
    const wanted = Math.floor(units / lot) * lot;
    if (costOf(wanted) <= free) return null;
    return costOf(lot) <= free ? missing : "no_cash";
  }
  if (costOf(lot) > free) return "no_cash";
  if (money !== null) {
    if (money > free / margin) return missing;
    return lot * Math.abs(price) + fee <= money ? null : "below_lot";
  }
  return costOf(lot) <= free * fraction ? null : "below_lot";
}

describe("a refused entry", () => {
  it("says what stood in the way: no price, too little for a lot, or too little money, borrowed or not", () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(randomEntry, (entry) => {
        const { models, demand, prices } = worked(entry);
        const reason = reasonOf(entry);
        const isBought = entryUnits(demand, entry.free, prices, models) > 0;
        expect(isBought).toBe(reason === null);
        if (reason === null) return;
        seen.add(reason);
        expect(entryRefusal(demand, entry.free, prices, models)).toBe(reason);
      }),
      { numRuns: 3000 },
    );
    expect([...seen].toSorted()).toEqual(["below_lot", "margin", "no_cash", "no_size"]);
  });

  it("has the figures of what was asked for and of what was there", () => {
    fc.assert(
      fc.property(randomEntry, (entry) => {
        const { models, demand, prices } = worked(entry);
        const { units, needed, free, asked } = refusalFigures(demand, entry.free, prices, models);
        const lot = entry.lotSize === 0 ? 1 : entry.lotSize;
        expect(units).toBe(entry.units ?? lot);
        expect(needed).toBe(units * Math.abs(entry.price) * entry.margin + entry.fee);
        expect(free).toBe(entry.free);
        const part = demand.fraction < 1 ? entry.free * demand.fraction : null;
        expect(asked).toBe(entry.units === null ? (entry.money ?? part) : null);
      }),
    );
  });
});
