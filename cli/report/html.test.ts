import { Script } from "node:vm";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { backtestSettings, type WarningCode } from "../../protocol/index.ts";
import {
  type BacktestResult,
  backtestResult,
  backtestStatistics,
  figureGroups,
  GROUPED_STATISTICS,
  HEADLINE_STATISTICS,
  SIDE_ROWS,
  sideStatistics,
} from "../../results/index.ts";
import { excursionChart, ticksOf } from "./excursion-chart.ts";
import { renderBacktestReport } from "./index.ts";
import { compoundPercent, monthlyTable, yearsOfReturns } from "./monthly-table.ts";
import { pageAssets } from "./page-assets.ts";
import { priceDigits, reportData } from "./report-data.ts";
import { resultFixture } from "./testing/result-fixture.ts";

/** Keeps the text that people read. It is short enough to print when a test fails. */
function withoutScripts(report: string): string {
  return report.slice(report.indexOf("<body>"), report.indexOf("<footer>"));
}

describe("the report's text", () => {
  test("the fixture is a result as the protocol has it", () => {
    expect(backtestResult.parse(resultFixture())).toEqual(resultFixture());
    expect(backtestResult.safeParse(resultFixture({ bars: 1, barsPerTrade: 0 })).success).toBe(true);
  });

  test("every statistic is in exactly one group", () => {
    const shown = GROUPED_STATISTICS.flatMap((group) => group.rows.map((row) => row.key));
    expect(shown.toSorted()).toEqual(Object.keys(backtestStatistics.shape).toSorted());
    expect(HEADLINE_STATISTICS).toHaveLength(8);
  });

  test("the same result gives the same bytes", () => {
    expect(renderBacktestReport(resultFixture())).toBe(renderBacktestReport(resultFixture()));
  });

  test("names that are markup stay text, and no element ends early", () => {
    const name = `</script><img src=x onerror="document.title='broken'"><!--`;
    const result: BacktestResult = {
      ...resultFixture({ strategyName: name }),
      symbol: name,
      parameters: { [name]: 1 },
      warnings: [{ code: name as WarningCode, message: name, count: 2 }],
    };
    const text = renderBacktestReport(result, { title: name });
    expect(text).not.toContain("<img");
    expect(text.match(/<script/g)).toHaveLength(3);
    expect(text.match(/<\/script/g)).toHaveLength(3);
  });

  test("nothing is loaded from elsewhere: a policy forbids it and no element asks for it", () => {
    const text = renderBacktestReport(resultFixture());
    expect(text).toContain("default-src &#39;none&#39;");
    expect(text).not.toMatch(/<(script|img|iframe|link)[^>]+(src|href)="(?!data:)/);
  });

  test("the chart library keeps its notice, its link and its licence", () => {
    const text = renderBacktestReport(resultFixture());
    expect(text).toContain("TradingView Lightweight Charts™ v");
    expect(text).toContain('href="https://www.tradingview.com/"');
    expect(text).toContain("Apache License");
  });

  test("the page's modules join into one script without imports and exports", () => {
    const { script } = pageAssets();
    expect(script).not.toMatch(/^(import|export) /m);
    expect(() => new Script(script)).not.toThrow();
  });

  test("undefined statistics read as such, infinite ones as ∞", () => {
    const result = resultFixture({ barsPerTrade: 0 });
    result.statistics.profitFactor = "Infinity";
    const text = withoutScripts(renderBacktestReport(result));
    expect(text).toContain('<data value="Infinity">∞</data>');
    expect(text).toContain('aria-label="not defined">–</span>');
    expect(text).not.toMatch(/NaN|undefined</);
    expect(text).toContain("The strategy made no trade.");
  });

  test("the heading is the title when one is given, with the strategy's name below it", () => {
    const text = renderBacktestReport(resultFixture(), { title: "My run" });
    expect(text).toContain("<h1>My run</h1>");
    expect(text).toContain("<span>Random walk</span>");
  });
});

describe("the sections of a result", () => {
  test("every figure of a side is in exactly one row, and every other figure in a table", () => {
    expect(SIDE_ROWS.map(({ key }) => key).toSorted()).toEqual(Object.keys(sideStatistics.shape).toSorted());
    const result = resultFixture();
    const shown = figureGroups(result).flatMap(({ rows }) => rows);
    const { symbol: _, ...benchmark } = result.benchmark;
    const told = { ...result.statistics, ...result.barStatistics, ...benchmark };
    const count = Object.values(result.statistics).length + Object.values(result.barStatistics).length;
    expect(shown).toHaveLength(count + Object.values(benchmark).length);
    for (const value of Object.values(told)) expect(shown.map((row) => row.value)).toContain(value);
  });

  test("every setting that is in force is listed", () => {
    const settings = backtestSettings.parse({
      commissionPerUnit: 0.01,
      commissionMinimum: 1.5,
      makerCommissionRate: -0.0001,
      maintenanceMargin: 0.25,
      shortBorrowRate: 0.03,
      financingRate: 0.05,
      tickSize: 0.125,
      lotSize: 100,
    });
    const plain = withoutScripts(renderBacktestReport(resultFixture()));
    const text = withoutScripts(renderBacktestReport({ ...resultFixture(), settings }));
    for (const told of ["0.01 per unit", "1.5 per order", "−0.01 %", "25 %", "3 %", "5 %", "0.125", "100 units"]) {
      expect(text).toContain(`<td>${told}</td>`);
      expect(plain).not.toContain(`<td>${told}</td>`);
    }
  });

  test("conventions are listed where they are not ktrdr's own", () => {
    const settings = backtestSettings.parse({ lastBar: "replay", allIn: "exact" });
    const text = withoutScripts(renderBacktestReport({ ...resultFixture(), settings }));
    expect(text).toContain('<th scope="row">Convention lastBar</th><td>replay: The last bar is processed');
    expect(text).not.toContain("Convention allIn");
    expect(withoutScripts(renderBacktestReport(resultFixture()))).not.toContain("Convention lastBar");
  });

  test("refusals are listed by their reasons when there are any", () => {
    const result = { ...resultFixture(), refusals: { noCash: 3, belowLot: 0, margin: 12, pyramiding: 0, noSize: 1 } };
    expect(figureGroups(resultFixture()).map(({ title }) => title)).not.toContain("Refused entries");
    const group = figureGroups(result).find(({ title }) => title === "Refused entries");
    expect(group?.rows.map(({ value }) => value)).toEqual([3, 0, 12, 0, 1]);
  });

  test("each trade is a dot in both scatters, up to a bound, and nothing in them is undefined", () => {
    const result = resultFixture();
    const dots = (text: string) => text.match(/<circle /g)?.length;
    expect(dots(excursionChart(result.trades, "adverse").text)).toBe(result.trades.length);
    const many = Array.from({ length: 9000 }, (_, index) => result.trades[index % result.trades.length]);
    expect(dots(excursionChart(many, "favourable").text)).toBe(1800);
    expect(excursionChart(result.trades, "favourable").text).not.toMatch(/NaN|undefined|Infinity/);
    const flat = { ...result.trades[0], returnPercent: 0, adverseExcursionPercent: 0 };
    expect(excursionChart([flat], "adverse").text).not.toMatch(/NaN|undefined|Infinity/);
  });

  test("axes have few round numbers, and cover every value", () => {
    const axis = (min: number, max: number) => fc.double({ min, max, noNaN: true });
    fc.assert(
      fc.property(axis(-500, 0), axis(0, 500), (least, most) => {
        const ticks = ticksOf(least, most);
        expect(ticks.length).toBeGreaterThan(1);
        expect(ticks.length).toBeLessThan(9);
        expect(ticks[0]).toBeLessThanOrEqual(least + 1e-9);
        expect(ticks[ticks.length - 1]).toBeGreaterThanOrEqual(most - 1e-9);
      }),
    );
  });
});

describe("the embedded data", () => {
  test("each trade points at the chart's points that hold its bars", () => {
    const result = resultFixture({ bars: 1000, barsPerPoint: 7 });
    const data = reportData(result);
    result.trades.forEach((trade, index) => {
      const point = data.trades.entryPoint[index];
      expect(data.chart.time[point] * 1000).toBeLessThanOrEqual(trade.entryTimeMs);
      expect((data.chart.time[point + 1] ?? Infinity) * 1000).toBeGreaterThan(trade.entryTimeMs);
    });
  });

  test("has a second equity line, which ends where the benchmark's return says", () => {
    const result = resultFixture();
    const { benchmark, equity } = reportData(result).chart;
    expect(benchmark).toHaveLength(equity.length);
    expect(((benchmark.at(-1) ?? 0) / 100_000 - 1) * 100).toBeCloseTo(Number(result.benchmark.returnPercent), 6);
  });

  test("prices have as many digits as their size needs", () => {
    expect([[4000], [64.5], [1.2345], [0.02], [0.00001], []].map(priceDigits)).toEqual([2, 2, 5, 6, 8, 2]);
  });
});

describe("monthly returns", () => {
  test("a year's total compounds its months", () => {
    const [year] = yearsOfReturns([
      { year: 2020, month: 1, returnPercent: 10 },
      { year: 2020, month: 12, returnPercent: -10 },
    ]);
    expect(year.totalPercent).toBeCloseTo(-1, 12);
    expect(year.months[0]).toBe(10);
    expect(year.months[5]).toBeUndefined();
  });

  test("years are in order, whatever order they come in", () => {
    const years = yearsOfReturns([
      { year: 2021, month: 1, returnPercent: 1 },
      { year: 2019, month: 7, returnPercent: 1 },
    ]);
    expect(years.map((entry) => entry.year)).toEqual([2019, 2021]);
  });

  test("an account that has lost everything does not recover by compounding", () => {
    expect(compoundPercent([-100, 50])).toBe(-100);
    expect(compoundPercent([-150, -50])).toBeCloseTo(-150, 12);
  });

  test("a result without a month says so in words", () => {
    expect(monthlyTable([]).text).toContain("no complete month");
  });
});
