import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { splitExamples, splitFractionsOf } from "./split.ts";

const upTo = (count: number) => Float64Array.from({ length: count }, (_, row) => row);

describe("the split", () => {
  it("keeps the rows that ktrdr (Python) keeps: n = 1000, validation 0.3, holding 50", () => {
    const timeMs = upTo(1000);
    const settledMs = timeMs.map((time) => time + 50);
    const fractions = { train: 0.7, validation: 0.3, test: 0 };
    const split = splitExamples({ timeMs, settledMs }, { fractions, embargoFraction: 0.01 });
    expect([split.training.length, split.training[0], split.training.at(-1)]).toEqual([651, 0, 650]);
    expect([split.validation.length, split.validation[0], split.validation.at(-1)]).toEqual([300, 700, 999]);
    expect([split.test.length, split.purged, split.embargoed]).toEqual([0, 49, 0]);
  });

  it("embargoes where labels alone do not reach", () => {
    const timeMs = upTo(100);
    const fractions = { train: 0.6, validation: 0.2, test: 0.2 };
    const split = splitExamples({ timeMs, settledMs: timeMs }, { fractions, embargoFraction: 0.05 });
    expect([split.training.at(-1), split.validation[0], split.validation.at(-1), split.test[0]]).toEqual([
      54, 60, 74, 80,
    ]);
    expect(split.embargoed).toBe(10);
  });

  it("gives each example to one part at most, in order of time, with labels known when the next part begins", () => {
    const row = fc.record({ time: fc.nat(500), holding: fc.nat(60) });
    const shares = fc.constantFrom([0.7, 0.15, 0.15], [0.5, 0.5, 0], [0.9, 0, 0.1], [1, 0, 0]);
    fc.assert(
      fc.property(
        fc.array(row, { minLength: 1, maxLength: 200 }),
        shares,
        fc.double({ min: 0, max: 0.1, noNaN: true }),
        (rows, [train, validation, test], embargoFraction) => {
          const timeMs = Float64Array.from(rows, ({ time }) => time);
          const settledMs = Float64Array.from(rows, ({ time, holding }) => time + holding);
          const split = splitExamples(
            { timeMs, settledMs },
            { fractions: { train, validation, test }, embargoFraction },
          );
          const all = [...split.training, ...split.validation, ...split.test];
          expect(new Set(all).size).toBe(all.length);
          expect(all.length + split.purged + split.embargoed).toBe(rows.length);
          const next = Math.min(split.validationMs, split.testMs);
          for (const k of split.training) expect(settledMs[k]).toBeLessThanOrEqual(next);
          for (const k of split.training) expect(timeMs[k]).toBeLessThan(next);
          for (const k of split.validation) expect(settledMs[k]).toBeLessThanOrEqual(split.testMs);
          for (const k of split.validation) expect(timeMs[k]).toBeGreaterThanOrEqual(split.validationMs);
          for (const k of split.test) expect(timeMs[k]).toBeGreaterThanOrEqual(split.testMs);
        },
      ),
    );
  });

  it("takes the shares of data_split, and the rest of 1 for one that it leaves out", () => {
    const of = (data_split?: object) => splitFractionsOf({ data_split });
    expect(of()).toEqual({ train: 0.7, validation: 0.15, test: expect.closeTo(0.15, 12) });
    expect(of({ train: 0.8 })).toEqual({ train: 0.8, validation: 0.15, test: expect.closeTo(0.05, 12) });
    expect(of({ train: 0.8, test: 0.1 }).validation).toBeCloseTo(0.1, 12);
    expect(of({ validation: 0.2, test: 0 })).toEqual({ train: 0.8, validation: 0.2, test: 0 });
    expect(() => of({ train: 0.8, validation: 0.3, test: 0.1 })).toThrow(/0.8 train, 0.3 validation/);
    expect(() => of({ train: 0, validation: 0.5, test: 0.5 })).toThrow(/0 train/);
  });
});
