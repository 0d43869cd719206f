import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { portfolioSpec } from "../../protocol/operations/index.ts";
import { parseCsv } from "../market-data/index.ts";
import { executePortfolio } from "./execute.ts";

const FOLDER = new URL("../../../shared/data/universe-1d/", import.meta.url);

describe.skipIf(!existsSync(FOLDER))("thirteen real symbols (skipped without ../shared/data/universe-1d)", () => {
  // The body of a skipped block is evaluated all the same.
  const names = (existsSync(FOLDER) ? readdirSync(FOLDER) : []).map((file) => file.replace(/\.csv$/, ""));
  const datasets = names.map((name) => ({
    bars: parseCsv(readFileSync(new URL(`${name}.csv`, FOLDER)), `${name}.csv`).bars,
    sha256: "0".repeat(64),
  }));
  const run = (rebalance: object) =>
    executePortfolio({
      spec: portfolioSpec.parse({
        kind: "portfolio",
        strategy: {
          kind: "rules",
          name: "strongest",
          indicators: { mean: { type: "sma", period: 200 } },
          entries: { long: "close > mean" },
          exits: { long: "close < mean" },
          portfolio: { max_positions: 3, max_weight: 0.4, rank_by: "close / close[126]", rebalance },
        },
        data: names.map((symbol) => ({ symbol, timeframe: "1d" })),
        settings: { fractionalUnits: true, commissionRate: 0.001 },
      }),
      datasets,
    }).result;

  it.each(["held", "ranked"])(
    "rebalance each month (%s): at most three positions, and every dollar is told",
    (select) => {
      const result = run({ every: "monthly", select });
      expect(result.symbolBars).toBe(datasets.reduce((sum, { bars }) => sum + bars.rows, 0));
      expect(Math.max(...result.positions)).toBe(3);
      expect(Number(result.grossExposure.maxPercent)).toBeLessThan(110);
      const sum = result.symbols.reduce((total, { contributionPercent }) => total + contributionPercent, 0);
      expect(sum).toBeCloseTo(Number(result.statistics.returnPercent), 6);
      expect(result.trades.some(({ exitReason }) => exitReason === "rebalance")).toBe(true);
    },
  );

  it("wait for a symbol that begins later: none trades it before its first bar", () => {
    const late = datasets[names.indexOf("GOOG")].bars.timeMs[0];
    const trades = run({ every: "monthly", select: "ranked" }).trades.filter(({ symbol }) => symbol === "GOOG");
    for (const { entryTimeMs } of trades) expect(entryTimeMs).toBeGreaterThan(late);
  });
});
