import { describe, expect, it } from "vitest";
import { commonStepMs, timeframeMs, timeframeOfStep } from "./timeframe.ts";

describe("timeframes", () => {
  it.each([
    ["1s", 1000],
    ["1m", 60_000],
    ["15m", 900_000],
    ["4h", 14_400_000],
    ["1d", 86_400_000],
    ["1w", 604_800_000],
  ])("%s has %i ms, and the other way round", (timeframe, ms) => {
    expect(timeframeMs(timeframe)).toBe(ms);
    expect(timeframeOfStep(ms)).toBe(timeframe);
  });

  it("count a month as its mean, and find it by any month's length", () => {
    expect(timeframeMs("1mo")).toBe((365.2425 / 12) * 86_400_000);
    for (const days of [28, 29, 30, 31]) expect(timeframeOfStep(days * 86_400_000)).toBe("1mo");
  });

  it("are refused when they are none", () => {
    expect(() => timeframeMs("daily")).toThrow("'daily' is not a timeframe.");
    expect(timeframeOfStep(1500)).toBeNull();
  });

  it("are the most common step, and the shorter one on a tie", () => {
    expect(commonStepMs(Float64Array.of(0, 1, 2, 5, 8, 9))).toBe(1);
    expect(commonStepMs(Float64Array.of(0, 3, 6, 7, 8))).toBe(1);
    expect(commonStepMs(Float64Array.of(0))).toBeNull();
  });
});
