import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseAmount, parseEnd, parseFraction, parseOverride, parseStart } from "./option-values.ts";

describe("dates", () => {
  it("take a day from its first to its last millisecond", () => {
    expect(parseStart("2020-03-01")).toBe(Date.UTC(2020, 2, 1));
    expect(parseEnd("2020-03-01")).toBe(Date.UTC(2020, 2, 2) - 1);
  });

  it("take a month and a year whole", () => {
    expect([parseStart("2020-02"), parseEnd("2020-02")]).toEqual([Date.UTC(2020, 1, 1), Date.UTC(2020, 2, 1) - 1]);
    expect([parseStart("2020"), parseEnd("2020")]).toEqual([Date.UTC(2020, 0, 1), Date.UTC(2021, 0, 1) - 1]);
  });

  it("take a time with its zone as it is", () => {
    expect(parseStart("2020-03-01T15:30:00+01:00")).toBe(Date.UTC(2020, 2, 1, 14, 30));
  });

  it.each(["yesterday", "2020-13", "2020-02-30", "2020-1-1", "1960-01-01", "2020-03-01T15:30:00", ""])(
    "refuse %j",
    (text) => {
      expect(() => parseStart(text)).toThrow(/It is a day|no such day/);
    },
  );

  it("read back every day that ISO writes", () => {
    fc.assert(
      fc.property(fc.date({ min: new Date(0), max: new Date("2200-01-01"), noInvalidDate: true }), (date) => {
        const day = date.toISOString().slice(0, 10);
        expect(parseStart(day)).toBe(Date.parse(day));
        expect(parseEnd(day)).toBeGreaterThanOrEqual(date.getTime());
      }),
    );
  });
});

describe("numbers", () => {
  it("read fractions and percentages alike", () => {
    expect(parseFraction("0.001")).toBe(0.001);
    expect(parseFraction("0.1%")).toBe(0.001);
    expect(parseFraction("1e-3")).toBe(0.001);
    expect(() => parseFraction("10 bps")).toThrow(/fraction/);
    expect(() => parseFraction("1.2.3")).toThrow(/fraction/);
  });

  it("read amounts with underscores", () => {
    expect(parseAmount("1_000_000")).toBe(1e6);
    expect(() => parseAmount("")).toThrow(/number/);
    expect(() => parseAmount("1e999")).toThrow(/number/);
  });

  it("collect overrides, the last of a name counting", () => {
    expect(parseOverride("fast=5", parseOverride("slow=20", { fast: 3 }))).toEqual({ fast: 5, slow: 20 });
    for (const text of ["fast", "fast=", "fast=x", "=3", "Fast=3", "fast= "]) {
      expect(() => parseOverride(text)).toThrow(/fast_period=20/);
    }
  });
});
