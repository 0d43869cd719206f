import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BAR_COLUMN_NAMES, BYTES_PER_BAR, barsBetween, barsOn, sliceBars } from "./bars.ts";
import { randomBars } from "./testing/random-bars.ts";

describe("sliceBars", () => {
  it("answers exactly the bars within the range, as views", () => {
    const edge = fc.oneof(fc.integer({ min: 0, max: 3_000_000_000 }), fc.constant(undefined));
    fc.assert(
      fc.property(randomBars(40), edge, edge, fc.nat(), (bars, startMs, endMs, pick) => {
        // Half of the starts are the time of a bar, where being off by one shows.
        const start = pick % 2 === 0 ? startMs : bars.timeMs[pick % bars.rows];
        const slice = sliceBars(bars, start, endMs);
        const expected = [...bars.timeMs].filter((ms) => ms >= (start ?? -Infinity) && ms <= (endMs ?? Infinity));
        expect([...slice.timeMs]).toEqual(expected);
        expect(slice.rows).toBe(expected.length);
        for (const name of BAR_COLUMN_NAMES) {
          expect(slice[name].buffer).toBe(bars[name].buffer);
          expect(slice[name]).toHaveLength(slice.rows);
        }
      }),
    );
  });
});

describe("barsOn", () => {
  it("gives a thread the columns that the buffer was made with", () => {
    fc.assert(
      fc.property(randomBars(20), (bars) => {
        expect(barsOn(bars.timeMs.buffer, bars.rows)).toEqual(bars);
        expect(bars.timeMs.buffer.byteLength).toBe(bars.rows * BYTES_PER_BAR);
      }),
    );
  });
});

describe("barsBetween", () => {
  it("counts rows from the first, without the last", () => {
    fc.assert(
      fc.property(randomBars(20), (bars) => {
        const part = barsBetween(bars, 1, bars.rows);
        expect([...part.close]).toEqual([...bars.close].slice(1));
      }),
    );
  });
});
