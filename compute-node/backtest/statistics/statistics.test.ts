import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { conventionsOf } from "../../../protocol/conventions.ts";
import { backtestSettings } from "../../../protocol/index.ts";
import { backtestStatistics, drawdownPercent, undefinedByReason } from "../../../results/index.ts";
import { calendarOf, durationUnitMs, medianSpacingMs, nextPeriodStart } from "../engine/calendar.ts";
import { runBacktest } from "../engine/engine.ts";
import { TradeLog } from "../engine/trade-log.ts";
import { randomBars } from "../testing/random-cases.ts";
import { summarizeDrawdowns } from "./drawdown.ts";
import { betaOf, logRatio, periodReturns } from "./returns.ts";
import { chartSeries, MAX_CHART_POINTS, monthlyReturns } from "./series.ts";
import { computeStatistics } from "./statistics.ts";

const DAY = 86_400_000;
const days = (count: number, step = 1, from = Date.UTC(2024, 0, 1)) =>
  Float64Array.from({ length: count }, (_, index) => from + index * step * DAY);

describe("drawdowns", () => {
  it("are measured from the last peak bar to the recovery bar", () => {
    const summary = summarizeDrawdowns(Float64Array.of(100, 90, 95, 100, 110, 99, 88, 120), days(8));
    expect(summary.peak).toBe(120);
    expect(summary.maxFraction).toBeCloseTo(0.2, 15);
    expect(summary.averageFraction).toBeCloseTo(0.15, 15);
    expect(summary.maxDurationMs).toBe(3 * DAY);
    expect(summary.averageDurationMs).toBe(3 * DAY);
  });

  it("count an unfinished one up to the last bar", () => {
    const summary = summarizeDrawdowns(Float64Array.of(100, 90, 80, 85), days(4));
    expect(summary.maxFraction).toBeCloseTo(0.2, 15);
    expect(summary.maxDurationMs).toBe(3 * DAY);
  });

  it("do not exist on a curve that never falls", () => {
    const summary = summarizeDrawdowns(Float64Array.of(1, 1, 2, 3), days(4));
    expect(summary.maxFraction).toBe(0);
    expect(summary.averageFraction).toBeNaN();
    expect(summary.maxDurationMs).toBeNaN();
  });

  it("have the depth that the curve of drawdowns shows", () => {
    const curve = fc.array(fc.double({ min: 1, max: 1000, noNaN: true }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(curve, (values) => {
        const equity = Float64Array.from(values);
        const { maxFraction } = summarizeDrawdowns(equity, days(values.length));
        expect(maxFraction * 100).toBeCloseTo(-Math.min(...drawdownPercent(equity)), 10);
      }),
    );
  });
});

describe("returns", () => {
  it("in logarithms agree with the library's, near 1 to a relative 1e-15 and far from it to 1e-15", () => {
    const ratio = fc.oneof(
      fc.double({ min: 0.97, max: 1.03, noNaN: true }),
      fc.double({ min: 0.01, max: 100, noNaN: true }),
    );
    fc.assert(
      fc.property(ratio, fc.double({ min: 1, max: 1e5, noNaN: true }), (r, before) => {
        const after = before * r;
        // The difference of two close doubles is exact, so this logarithm loses nothing near 1.
        const isNear = Math.abs(r - 1) < 0.03;
        const expected = isNear ? Math.log1p((after - before) / before) : Math.log(after / before);
        const scale = isNear ? Math.abs(expected) : Math.max(1, Math.abs(expected));
        expect(Math.abs(logRatio(after, before) - expected)).toBeLessThanOrEqual(1e-15 * scale);
      }),
    );
  });

  it("give the exponent as beta when the equity is a power of the market", () => {
    const close = randomBars(500, 5, 0.02).close;
    expect(
      betaOf(
        close.map((price) => price ** 2),
        close,
      ),
    ).toBeCloseTo(2, 9);
    expect(betaOf(new Float64Array(500).fill(7), close)).toBeCloseTo(0, 15);
    expect(betaOf(close, new Float64Array(500).fill(7))).toBeNaN();
  });

  it("by period give mean, variance and downside", () => {
    const { geometricMean, variance, downsideDeviation } = periodReturns("day", days(3), Float64Array.of(100, 110, 99));
    expect(geometricMean).toBeCloseTo(Math.sqrt(0.99) - 1, 15);
    expect(variance).toBeCloseTo(0.02, 15);
    expect(downsideDeviation).toBeCloseTo(Math.sqrt(0.01 / 2), 15);
  });

  it("by period take the last bar of each day, over gaps too", () => {
    const start = Date.UTC(2024, 0, 1);
    const hours = [0, 12, 23, 24, 30, 24 * 9 + 5, 24 * 10];
    const timeMs = Float64Array.from(hours, (hour) => start + hour * 3_600_000);
    const daily = periodReturns("day", timeMs, Float64Array.of(1, 50, 100, 3, 110, 99, 99));
    expect(daily).toEqual(periodReturns("day", days(4), Float64Array.of(100, 110, 99, 99)));
  });

  it("end with the period of ruin", () => {
    const ruined = periodReturns("day", days(5), Float64Array.of(100, 50, 0, 0, 0));
    expect(ruined.geometricMean).toBe(0);
    expect(ruined.variance).toBeCloseTo(0.125, 15);
  });
});

describe("the calendar", () => {
  it("knows a market with weekends from one without", () => {
    expect(calendarOf(days(100))).toEqual({ period: "day", periodsPerYear: 365 });
    const weekdays = days(100).filter((time) => ![0, 6].includes(new Date(time).getUTCDay()));
    expect(calendarOf(weekdays)).toEqual({ period: "day", periodsPerYear: 252 });
  });

  const months = Float64Array.from({ length: 24 }, (_, index) => Date.UTC(2020, index, 1));
  const years = Float64Array.from({ length: 9 }, (_, index) => Date.UTC(2001 + index, 0, 1));

  it("takes bars of two days and more as periods of their own, by their spacing", () => {
    const quarters = Float64Array.from({ length: 40 }, (_, index) => Date.UTC(2001, 3 * index, 1));
    const cases = [
      [days(30, 2), 365 / 2],
      [days(30, 3), 365 / 3],
      [days(30, 5), 73],
      [days(30, 7), 52],
      [days(30, 14), 365 / 14],
      [months, 12],
      [months.subarray(1, 4), 12],
      [quarters, 4],
      [years, 1],
      [years.subarray(3, 5), 1],
    ] as const;
    for (const [timeMs, periodsPerYear] of cases) expect(calendarOf(timeMs)).toEqual({ period: "bar", periodsPerYear });
  });

  it("knows, as backtesting.py does, only bars of 7, 31 and 365 days, and days", () => {
    const of = (timeMs: Float64Array) => calendarOf(timeMs, "four_lengths");
    expect(of(days(30, 7))).toEqual({ period: "week", periodsPerYear: 52 });
    expect(of(months)).toEqual({ period: "month", periodsPerYear: 12 });
    expect(of(years)).toEqual({ period: "year", periodsPerYear: 1 });
    expect(of(days(30, 3))).toEqual({ period: "day", periodsPerYear: 365 });
  });

  it("decides by its answer how a run over bars of three days is annualised", () => {
    const bars = { ...randomBars(60, 5, 0.02), timeMs: days(60, 3) };
    const equity = bars.close;
    const annual = (answer: "spacing" | "four_lengths") =>
      computeStatistics(bars, { trades: new TradeLog(), equity, conventions: conventionsOf({ calendar: answer }) }, 0)
        .annualReturnPercent;
    const growth = (equity[59] / equity[0]) ** (1 / 59);
    expect(annual("spacing")).toBeCloseTo((growth ** (365 / 3) - 1) * 100, 8);
    expect(annual("four_lengths")).toBeCloseTo((growth ** 365 - 1) * 100, 8);
  });

  it("finds the start of the next day, week (Monday), month and year", () => {
    const start = (text: string) => Date.parse(text);
    const noon = start("2024-02-29T12:00:00Z");
    expect(nextPeriodStart("day", noon)).toBe(start("2024-03-01"));
    expect(nextPeriodStart("week", noon)).toBe(start("2024-03-04"));
    expect(nextPeriodStart("week", start("2024-03-04"))).toBe(start("2024-03-11"));
    expect(nextPeriodStart("week", start("2024-03-03T23:59:59Z"))).toBe(start("2024-03-04"));
    expect(nextPeriodStart("month", noon)).toBe(start("2024-03-01"));
    expect(nextPeriodStart("year", noon)).toBe(start("2025-01-01"));
  });

  it("rounds durations to the bars' own unit", () => {
    expect(durationUnitMs(DAY)).toBe(DAY);
    expect(durationUnitMs(7 * DAY)).toBe(DAY);
    expect(durationUnitMs(4 * 3_600_000)).toBe(3_600_000);
    expect(durationUnitMs(300_000)).toBe(60_000);
    expect(medianSpacingMs(days(1))).toBeNaN();
  });
});

describe("series", () => {
  it("has monthly returns that multiply up to the whole return", () => {
    const { timeMs, close } = randomBars(400, 9, 0.02);
    const months = monthlyReturns(timeMs, close);
    expect(months[0]).toMatchObject({ year: 2020, month: 1 });
    expect(months).toHaveLength(14);
    const product = months.reduce((growth, { returnPercent }) => growth * (1 + returnPercent / 100), 1);
    expect(product).toBeCloseTo(close[399] / close[0], 10);
  });

  it("sums up every bar of a chart in at most 4,000 points", () => {
    const bars = randomBars(9001, 2, 0.01);
    const chart = chartSeries(bars, bars.close);
    expect(chart.barsPerPoint).toBe(3);
    expect(chart.timeMs).toHaveLength(3001);
    expect(chart.timeMs.length).toBeLessThanOrEqual(MAX_CHART_POINTS);
    expect(Math.max(...chart.high)).toBe(Math.max(...bars.high));
    expect(Math.min(...chart.low)).toBe(Math.min(...bars.low));
    expect(Math.min(...chart.drawdownPercent)).toBeCloseTo(Math.min(...drawdownPercent(bars.close)), 12);
    expect(chart.equity.at(-1)).toBe(bars.close[9000]);
  });
});

describe("statistics", () => {
  const noSignals = (rows: number) => ({
    warmupBars: 0,
    entryLong: new Uint8Array(rows),
    exitLong: new Uint8Array(rows),
    entryShort: new Uint8Array(rows),
    exitShort: new Uint8Array(rows),
    reverse: false,
    sizeFraction: 1,
    stopLoss: null,
    takeProfit: null,
  });

  it.each([1, 2, 3, 100])("of a run without a trade over %d bars fit the schema, undefined ones being null", (rows) => {
    const bars = randomBars(rows, 1, 0.02);
    const run = runBacktest(bars, noSignals(rows), backtestSettings.parse({}));
    const statistics = computeStatistics(bars, run, 0);
    expect(backtestStatistics.safeParse(statistics).error).toBeUndefined();
    expect(statistics).toMatchObject({ tradeCount: 0, returnPercent: 0, winRatePercent: null, profitFactor: null });
  });

  it("measure buy-and-hold from the first bar, or from the first decision where that is asked for", () => {
    const bars = randomBars(50, 4, 0.01);
    const run = { trades: new TradeLog(), equity: new Float64Array(50).fill(1000) };
    const held = (buyAndHoldFrom: "first_bar" | "first_decision") =>
      computeStatistics(bars, { ...run, conventions: conventionsOf({ buyAndHoldFrom }) }, 20).buyAndHoldReturnPercent;
    const growth = (from: number) => (bars.close[49] / bars.close[from] - 1) * 100;
    expect(held("first_bar")).toBeCloseTo(growth(0), 10);
    expect(held("first_decision")).toBeCloseTo(growth(20), 10);
  });

  it("have no buy-and-hold where the price that it begins with is not above 0", () => {
    for (const price of [0, -5]) {
      const bars = randomBars(30, 4, 0.01);
      bars.close[0] = price;
      const statistics = computeStatistics(
        bars,
        { trades: new TradeLog(), equity: new Float64Array(30).fill(1000) },
        0,
      );
      expect(statistics.buyAndHoldReturnPercent).toBeNull();
      const reason = undefinedByReason(statistics).find(({ of }) =>
        of.some(({ key }) => key === "buyAndHoldReturnPercent"),
      );
      expect(reason?.because).toBe("the price that it begins with is not above 0");
    }
  });

  it("count as exposed every bar of a trade once, the shared bar of a reversal included", () => {
    const bars = randomBars(10, 4, 0.001);
    const signals = { ...noSignals(10), reverse: true };
    signals.entryLong[1] = 1;
    signals.entryShort[4] = 1;
    const run = runBacktest(bars, signals, backtestSettings.parse({}));
    expect(run.trades.count).toBe(2);
    // Bars 2 to 9: long from 2 to 5, short from 5 to the end.
    expect(computeStatistics(bars, run, 0).exposurePercent).toBeCloseTo(80, 12);
  });
});
