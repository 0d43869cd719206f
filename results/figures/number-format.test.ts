import { describe, expect, test } from "vitest";
import { DAY_MS } from "../../protocol/durations.ts";
import { formatDuration, formatExact, formatFigure, formatNumber, formatTime } from "./number-format.ts";

describe("figures", () => {
  test.each([
    [12.345, "percent", "12.35"],
    [-0.001, "percent", "0.00"],
    [-1234.5, "money", "−1,234.50"],
    [0.4284, "ratio", "0.428"],
    [1204, "count", "1,204"],
    [null, "ratio", "–"],
    ["Infinity", "ratio", "∞"],
    ["-Infinity", "percent", "−∞"],
    [Number.NaN, "percent", "–"],
    [411 * DAY_MS, "duration", "411 d"],
    [Date.UTC(2020, 0, 2), "date", "2020-01-02"],
  ] as const)("%s as %s reads %s", (value, measure, text) => {
    expect(formatFigure(value, measure)).toBe(text);
  });

  test("a number with too many digits to count gets an exponent", () => {
    expect(formatNumber(-1.23456e15, 2)).toBe("−1.235e+15");
  });

  test.each([
    [0, "0 s"],
    [59_000, "59 s"],
    [90_000, "1 min 30 s"],
    [5_400_000, "1 h 30 min"],
    [DAY_MS, "1 d"],
    [DAY_MS - 1, "24 h"],
    [3 * DAY_MS + 4 * 3_600_000, "3 d 4 h"],
    [1499 * DAY_MS, "1,499 d"],
    [-60_000, "−1 min"],
  ])("a duration of %d ms reads %s", (durationMs, text) => {
    expect(formatDuration(durationMs)).toBe(text);
  });

  test("a time shows its time of day only where there is one", () => {
    expect(formatTime(Date.UTC(2021, 4, 6))).toBe("2021-05-06");
    expect(formatTime(Date.UTC(2021, 4, 6, 13, 5))).toBe("2021-05-06 13:05");
  });

  test("parameters keep all their digits", () => {
    expect(formatExact(-0.001)).toBe("−0.001");
    expect(formatExact(20)).toBe("20");
  });
});
