import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { BACKTEST_RESULT_FORMAT, PORTFOLIO_RESULT_FORMAT, WARNINGS } from "../../protocol/index.ts";
import { decodeBacktestResult, decodePortfolioResult, isPortfolioResult } from "../index.ts";
import { readZip, writeZip } from "./stored-zip.ts";

// Written by the software before the present format.
const read = (name: string) => new Uint8Array(readFileSync(new URL(`../testing/${name}`, import.meta.url)));
const backtest = read("backtest.v2.zip");
const portfolio = read("portfolio.v1.zip");

/** The archive with another `result.json`. */
function changed(archive: Uint8Array, change: (json: Record<string, Record<string, unknown>>) => void): Uint8Array {
  const files = Object.fromEntries(readZip(archive));
  const json = JSON.parse(new TextDecoder().decode(files["result.json"]));
  change(json);
  return writeZip({ ...files, "result.json": new TextEncoder().encode(JSON.stringify(json)) });
}

describe("results of older formats", () => {
  it("are read for a backtest, with today's names of warnings", () => {
    const result = decodeBacktestResult(backtest);
    expect(result.format).toBe(BACKTEST_RESULT_FORMAT);
    expect([result.trades.length, result.orders.length, result.equity.length]).toEqual([5, 20, 12]);
    expect(result.warnings.map(({ code, count }) => [code, count])).toEqual([
      ["order-refused", 5],
      ["conflicting-entries", 5],
      ["ambiguous-bar", 1],
      ["undefined-statistic", 1],
    ]);
    for (const { code } of result.warnings) expect(WARNINGS).toHaveProperty(code);
  });

  it("are read for a portfolio, with today's names of warnings", () => {
    expect(isPortfolioResult(portfolio)).toBe(true);
    const result = decodePortfolioResult(portfolio);
    expect(result.format).toBe(PORTFOLIO_RESULT_FORMAT);
    expect([result.trades.length, result.equity.length]).toEqual([3, 15]);
    expect(result.warnings.map(({ code, count }) => [code, count])).toEqual([
      ["refused-max-positions", 7],
      ["ended-early", 1],
      ["open-at-end", 1],
    ]);
  });

  it("are refused by name where the format is too old", () => {
    const first = changed(backtest, (json) => Object.assign(json, { format: "ktrdr.backtest.v1" }));
    expect(() => decodeBacktestResult(first)).toThrow(/has the format ktrdr\.backtest\.v1/);
  });

  it("read a newer statistic, which they lack, as undefined", () => {
    const older = changed(backtest, (json) => {
      delete json.statistics.sharpe_ratio;
      delete json.bar_statistics.recovery_factor;
    });
    const { statistics, barStatistics } = decodeBacktestResult(older);
    expect([statistics.sharpeRatio, barStatistics.recoveryFactor]).toEqual([null, null]);
    expect(statistics.returnPercent).toBe(decodeBacktestResult(backtest).statistics.returnPercent);
  });
});
