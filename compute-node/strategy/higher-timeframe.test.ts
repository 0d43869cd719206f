import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ruleStrategy } from "../../protocol/strategy-rules.ts";
import type { BarColumns } from "../market-data/bars.ts";
import { compileRules } from "./compile-rules.ts";
import { longerBars } from "./higher-timeframe.ts";

const HOUR = 3_600_000;

function hours(closes: readonly number[]): BarColumns {
  const close = Float64Array.from(closes);
  const timeMs = close.map((_, i) => Date.UTC(2024, 0, 1) + i * HOUR);
  return { rows: close.length, timeMs, open: close, high: close, low: close, close, volume: close.map(() => 1) };
}

function entries(rule: string, bars: BarColumns, parts: object = {}): number[] {
  const strategy = ruleStrategy.parse({ kind: "rules", name: "test", entries: { long: rule }, ...parts });
  const { entryLong } = compileRules(strategy).signals(bars);
  return [...entryLong.keys()].filter((row) => entryLong[row] === 1);
}

describe("longer bars", () => {
  it("join the bars that they are made of, and are known when a later one has begun", () => {
    const bars = hours(Array.from({ length: 6 }, (_, i) => i + 1));
    const { bars: longer, newest } = longerBars(bars, "4h");
    expect([longer.open, longer.high, longer.low, longer.close, longer.volume].map((column) => [...column])).toEqual([
      [1, 5],
      [4, 6],
      [1, 5],
      [4, 6],
      [4, 2],
    ]);
    expect([...newest]).toEqual([-1, -1, -1, -1, 0, 0]);
  });

  it("are weeks from Monday and calendar months", () => {
    const days = hours(Array.from({ length: 60 * 24 }, (_, i) => i));
    expect(longerBars(days, "1mo").bars.rows).toBe(2);
    expect(new Date(longerBars(days, "1w").bars.timeMs[1]).getUTCDay()).toBe(1);
  });

  it("are refused where the data's bars are no shorter", () => {
    expect(() => longerBars(hours(Array<number>(60).fill(1)), "1h")).toThrow("the data's bars are no shorter");
  });
});

describe("rules over longer bars", () => {
  const bars = hours(Array.from({ length: 24 }, (_, i) => i));

  it("read the newest one that is over", () => {
    expect(entries("close@4h == 3", bars)).toEqual([5, 6, 7]);
    expect(entries("close@4h == 7 and open@4h == 4 and high@4h == 7", bars)).toEqual([8, 9, 10, 11]);
  });

  it("mean longer bars by [1], by arithmetic and by functions of them", () => {
    expect(entries("close@4h[1] == 3", bars)).toEqual([9, 10, 11]);
    expect(entries("sma(close@4h, 2) == 5", bars)).toEqual([9, 10, 11]);
    expect(entries("sma(close@4h - open@4h, 2) == 3", bars)).toEqual([...Array(15).keys()].map((k) => k + 9));
    expect(entries("highest(high@4h, 2)[1] == 7", bars)).toEqual([13, 14, 15]);
  });

  it("take a declared indicator over them", () => {
    const parts = { indicators: { average: { type: "sma", period: 2 } } };
    expect(entries("average@4h == 5", bars, parts)).toEqual([9, 10, 11]);
  });

  it("cross on the bar at which a new one counts", () => {
    expect(entries("close@4h crosses above 5", bars)).toEqual([8]);
  });

  it("have no signal before everything is there, also behind not", () => {
    expect(entries("not close@4h > 100", bars)[0]).toBe(5);
    expect(entries("not sma(close@4h, 9) > 0", bars)).toEqual([]);
  });

  it("give a bar the same signal whether later bars are there or not", () => {
    const rules = fc.constantFrom(
      "close@4h > sma(close@4h, 2)",
      "close > highest(high@4h, 2)[1] or close@2h crosses below close@6h",
      "not (sma(close@2h - close, 3) > 0)",
    );
    const prices = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 45 });
    fc.assert(
      fc.property(rules, prices, fc.nat(), (rule, closes, pick) => {
        const rows = (pick % closes.length) + 1;
        const whole = entries(rule, hours(closes)).filter((row) => row < rows);
        expect(entries(rule, hours(closes.slice(0, rows)))).toEqual(whole);
      }),
    );
  });

  it("are refused for parameters and for text that is no timeframe", () => {
    expect(() => entries("close > level@4h", bars, { parameters: { level: 1 } })).toThrow("the same on every bar");
    expect(() => entries("close@4x > 1", bars)).toThrow('unexpected character "@"');
  });
});
