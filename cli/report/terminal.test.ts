import { stripVTControlCharacters } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { GROUPED_STATISTICS } from "../../results/index.ts";
import { renderStatisticsTable, sparkline, terminalOptions } from "./terminal.ts";
import { resultFixture } from "./testing/result-fixture.ts";

describe("the table on the terminal", () => {
  test("shows every statistic, with the period in the heading", () => {
    const text = renderStatisticsTable(resultFixture(), { width: 100, color: false });
    for (const group of GROUPED_STATISTICS.filter((candidate) => candidate.title !== "Period")) {
      for (const row of group.rows) expect(text).toContain(row.label);
    }
    expect(text).toContain("WALK 1d, 2012-01-02 to 2016-02-09, 1,500 bars");
    expect(text).toMatch(/Sharpe ratio +0\.428/);
  });

  test("shows the benchmark, the figures by bars, and long and short beside each other", () => {
    const text = renderStatisticsTable(resultFixture(), { width: 100, color: false });
    expect(text).toContain("Beside buying and holding WALK");
    expect(text).toMatch(/Information ratio +−0\.210/);
    expect(text).toMatch(/Recovery factor +1\.300/);
    expect(text).toMatch(/^ +All +Long +Short$/m);
    expect(text).toMatch(/^Trades +38 +19 +19$/m);
    expect(renderStatisticsTable(resultFixture(), { width: 40, color: false })).toMatch(/^ +Long +Short$/m);
  });

  test("is never wider than the terminal, from 36 columns on", () => {
    fc.assert(
      fc.property(fc.integer({ min: 36, max: 200 }), fc.boolean(), (width, color) => {
        const result = resultFixture({ bars: 90, strategyName: "a name that is a good deal longer than a line" });
        result.warnings = [{ code: "order-refused", message: "An order was below one unit.", count: 3 }];
        const lines = stripVTControlCharacters(renderStatisticsTable(result, { width, color })).split("\n");
        for (const line of lines) expect([...line].length).toBeLessThanOrEqual(width);
      }),
      { numRuns: 40 },
    );
  });

  test("names conventions that are not ktrdr's own", () => {
    const settings = { ...resultFixture().settings, lastBar: "replay", crosses: "touching" } as const;
    const text = renderStatisticsTable({ ...resultFixture(), settings }, { width: 80, color: false });
    expect(text).toMatch(/^Conventions: lastBar=replay$/m);
    expect(renderStatisticsTable(resultFixture(), { width: 80, color: false })).not.toContain("Conventions");
  });

  test("the figures end in the same column", () => {
    const text = renderStatisticsTable(resultFixture(), { width: 50, color: false });
    const ends = text
      .slice(0, text.search(/^ +Long +Short$/m))
      .split("\n")
      .flatMap((line) => /^(?:Sharpe|Win rate|Best trade|Beta).*\d/.exec(line)?.[0].length ?? []);
    expect(ends).toHaveLength(6);
    expect(new Set(ends)).toEqual(new Set([48]));
  });

  test("writes no escape sequence without colour, and green gains and red losses with it", () => {
    expect(renderStatisticsTable(resultFixture(), { width: 80, color: false })).not.toContain("\u001b");
    const coloured = renderStatisticsTable(resultFixture(), { width: 80, color: true });
    expect(coloured).toContain("\u001b[32m3.62\u001b[0m %");
    expect(coloured).toContain("\u001b[31m−19.66\u001b[0m %");
  });

  test("a name cannot send escape sequences to the terminal", () => {
    const text = renderStatisticsTable(resultFixture({ strategyName: "\u001b]0;owned\u0007\u202e" }), {
      width: 80,
      color: false,
    });
    expect(text.split("\n")[0]).toBe("\ufffd]0;owned\ufffd\ufffd");
  });

  test("a result without trades shows dashes", () => {
    const text = renderStatisticsTable(resultFixture({ bars: 1, barsPerTrade: 0 }), { width: 60, color: false });
    expect(text).toMatch(/Win rate +–/);
    expect(text).toContain("1 bar\n");
  });

  test("prints each warning with its count", () => {
    const result = resultFixture();
    result.warnings = [{ code: "timeframe-sparse", message: "A week is missing.", count: 1204 }];
    expect(renderStatisticsTable(result, { width: 80, color: false })).toContain(
      "Warning: A week is missing. (1,204 times) [timeframe-sparse]",
    );
  });
});

describe("the sparkline", () => {
  test("goes from the least to the greatest value", () => {
    expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8)).toBe("▁▂▃▄▅▆▇█");
    expect(sparkline([-5, 5], 10)).toBe("▁█");
  });

  test("sums up more values than it has room for, and ends at the last", () => {
    expect(
      sparkline(
        Array.from({ length: 1000 }, (_, index) => index),
        4,
      ),
    ).toBe("▁▃▆█");
  });

  test("a constant series is a flat line, and an empty one is empty", () => {
    expect(sparkline([3, 3, 3], 5)).toBe("▁▁▁");
    expect(sparkline([], 5)).toBe("");
  });
});

describe("terminal options", () => {
  test("colour needs a terminal and no NO_COLOR", () => {
    expect(terminalOptions({ isTTY: true, columns: 120 }, {})).toEqual({ width: 120, color: true });
    expect(terminalOptions({ isTTY: true, columns: 120 }, { NO_COLOR: "1" }).color).toBe(false);
    expect(terminalOptions({ isTTY: true, columns: 120 }, { NO_COLOR: "" }).color).toBe(true);
    expect(terminalOptions({ isTTY: true }, { TERM: "dumb" }).color).toBe(false);
    expect(terminalOptions({}, {})).toEqual({ width: 80, color: false });
  });
});
