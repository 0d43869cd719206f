import { describe, expect, it } from "vitest";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../../protocol/durations.ts";
import { reportGaps } from "./gaps.ts";

/** A Monday. */
const FIRST_MS = Date.UTC(2024, 0, 1);

/** The starts of all bars for `days` days for which `isOpen` holds. */
function times(days: number, stepMs: number, isOpen: (date: Date) => boolean): Float64Array {
  const all = Array.from({ length: (days * DAY_MS) / stepMs }, (_, bar) => FIRST_MS + bar * stepMs);
  return Float64Array.from(all.filter((ms) => isOpen(new Date(ms))));
}

const isWeekday = (date: Date) => date.getUTCDay() !== 0 && date.getUTCDay() !== 6;
const at = (text: string) => Date.parse(`${text}Z`);

describe("reportGaps", () => {
  it("takes weekends of daily bars for usual, and a holiday for a gap", () => {
    const holiday = at("2024-03-29");
    const report = reportGaps(
      times(365, DAY_MS, (date) => isWeekday(date) && date.getTime() !== holiday),
      "1d",
    );
    const gap = { afterMs: at("2024-03-28"), beforeMs: at("2024-04-01"), missingBars: 1 };
    expect(report).toEqual({ timeframe: "1d", count: 1, missingBars: 1, longest: gap, first: [gap], usualPauses: 51 });
  });

  it("takes nights and weekends of minute bars for usual, through a change to summer time", () => {
    // New York's hours in UTC: an hour earlier from 10 March on.
    const isOpen = (date: Date) => {
      const opensAt = date.getTime() < at("2024-03-10") ? 14.5 : 13.5;
      const hour = date.getUTCHours() + date.getUTCMinutes() / 60;
      return isWeekday(date) && hour >= opensAt && hour < opensAt + 6.5;
    };
    const report = reportGaps(times(120, MINUTE_MS, isOpen), "1m");
    expect(report).toMatchObject({ count: 0, missingBars: 0, longest: null });
    expect(report.usualPauses).toBe(85);
  });

  it("finds an outage within the day, and names the longest", () => {
    const isUp = (ms: number) =>
      !(ms >= at("2024-02-06T10:00") && ms < at("2024-02-06T13:00")) && ms !== at("2024-02-01T05:00");
    const report = reportGaps(
      times(90, HOUR_MS, (date) => isUp(date.getTime())),
      "1h",
    );
    expect(report).toMatchObject({ count: 2, missingBars: 4, usualPauses: 0 });
    expect(report.first.map(({ missingBars }) => missingBars)).toEqual([1, 3]);
    expect(report.longest).toEqual({
      afterMs: at("2024-02-06T09:00"),
      beforeMs: at("2024-02-06T13:00"),
      missingBars: 3,
    });
  });

  it("finds an outage of weeks, around which no week is whole", () => {
    const isUp = (date: Date) => date.getTime() < at("2024-06-01") || date.getTime() >= at("2024-06-22");
    expect(reportGaps(times(365, DAY_MS, isUp), "1d")).toMatchObject({ count: 1, missingBars: 21 });
  });

  it("counts every pause of a series that is too short to have a rhythm", () => {
    expect(reportGaps(times(10, DAY_MS, isWeekday), "1d")).toMatchObject({ count: 1, missingBars: 2, usualPauses: 0 });
  });

  it("counts missing months and weeks", () => {
    const months = [0, 1, 2, 5, 6].map((month) => Date.UTC(2024, month, 1));
    expect(reportGaps(Float64Array.from(months), "1mo")).toMatchObject({ count: 1, missingBars: 2 });
    const weeks = [0, 1, 3, 4].map((week) => FIRST_MS + week * 7 * DAY_MS);
    expect(reportGaps(Float64Array.from(weeks), "1w")).toMatchObject({ count: 1, missingBars: 1 });
  });

  it("lists the first five and counts all", () => {
    const report = reportGaps(
      times(90, HOUR_MS, (date) => date.getUTCHours() !== date.getUTCDate() % 24),
      "1h",
    );
    expect(report.first).toHaveLength(5);
    expect(report.count).toBeGreaterThan(50);
  });

  it("has nothing to say about one bar", () => {
    expect(reportGaps(Float64Array.of(FIRST_MS), "1d")).toMatchObject({ count: 0, longest: null, usualPauses: 0 });
  });
});
