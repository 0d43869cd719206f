import { describe, expect, it } from "vitest";
import { randomBars } from "../../compute-node/backtest/testing/random-cases.ts";
import { executePortfolio } from "../../compute-node/portfolio/index.ts";
import { portfolioSpec } from "../../protocol/index.ts";
import type { PortfolioResult } from "../../results/index.ts";
import { renderPortfolioReport, renderPortfolioTable } from "./index.ts";

function resultOf(count: number, name = "two <b>sides</b>"): PortfolioResult {
  const spec = portfolioSpec.parse({
    kind: "portfolio",
    strategy: { kind: "rules", name, entries: { long: "close > close[5]" }, exits: { long: "close < close[5]" } },
    data: Array.from({ length: count }, (_, index) => ({ symbol: `S${index}`, timeframe: "1d" })),
  });
  const datasets = spec.data.map((_, index) => ({ bars: randomBars(250, index + 1, 0.02), sha256: "0".repeat(64) }));
  return executePortfolio({ spec, datasets }).result;
}

describe("the report of a portfolio", () => {
  const page = renderPortfolioReport(resultOf(2));

  it("shows equity, drawdown, exposure, each symbol, months and trades, and the same text each time", () => {
    for (const id of ["equity", "drawdown", "exposure", "contributions", "sides", "months", "trades", "hashes"])
      expect(page).toContain(`<section id="${id}"`);
    expect(page.match(/<polyline/g)).toHaveLength(4);
    for (const symbol of ["S0", "S1"]) expect(page).toContain(`<th scope="row">${symbol}</th>`);
    expect(page).not.toContain("NaN");
    expect(renderPortfolioReport(resultOf(2))).toBe(page);
  });

  it("runs no script, asks for nothing, and takes a name as text", () => {
    expect(page).not.toContain("<script");
    expect(page).toContain("default-src 'none'");
    expect(page).not.toContain("<b>sides</b>");
    expect(page).toContain("two &lt;b&gt;sides&lt;/b&gt;");
  });
});

describe("the table of a portfolio on a terminal", () => {
  it("lists every symbol when they fit, and the best and the worst when they do not", () => {
    const few = renderPortfolioTable(resultOf(2), 80);
    expect(few).toMatch(/^S0 +.*\n?/m);
    expect(few).toContain("2 symbols 1d");
    const many = renderPortfolioTable(resultOf(40), 80);
    expect(many).toContain("… 16 more");
    expect(many.split("\n").filter((line) => /^S\d/.test(line))).toHaveLength(24);
  });

  it("keeps control characters of a name from the terminal", () => {
    expect(renderPortfolioTable(resultOf(1, "a\u001b[2Jb"), 80)).not.toContain("\u001b");
  });

  it("names conventions that are not ktrdr's own", () => {
    const result = resultOf(2);
    const unusual = { ...result, settings: { ...result.settings, gappedTarget: "stop" as const } };
    expect(renderPortfolioTable(unusual, 80)).toContain("\nConventions: gappedTarget=stop\n");
    expect(renderPortfolioReport(unusual)).toContain("Conventions: gappedTarget=stop.");
    expect(renderPortfolioTable(result, 80) + renderPortfolioReport(result)).not.toContain("Conventions:");
  });
});
