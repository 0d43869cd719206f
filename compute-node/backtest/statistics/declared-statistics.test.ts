import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { EXAMPLE_RUN, GROUPED_STATISTICS, STATISTICS, undefinedByReason } from "../../../results/index.ts";
import { TradeLog } from "../engine/trade-log.ts";
import { randomBars } from "../testing/random-cases.ts";
import { computeStatistics } from "./statistics.ts";

const FOLDER = new URL("../../../results/statistics/", import.meta.url);

function exampleStatistics() {
  const { days, close, equity, trades, warmupBars } = EXAMPLE_RUN;
  const price = Float64Array.from(close);
  const log = new TradeLog();
  for (const { entryBar, exitBar, pnl, returnFraction } of trades) {
    const row = log.append();
    log.entryBar[row] = entryBar;
    log.exitBar[row] = exitBar;
    log.pnl[row] = pnl;
    log.returnFraction[row] = returnFraction;
  }
  const bars = {
    rows: days.length,
    timeMs: Float64Array.from(days),
    open: price,
    high: price,
    low: price,
    close: price,
  };
  const run = { trades: log, equity: Float64Array.from(equity) };
  return computeStatistics({ ...bars, volume: new Float64Array(days.length) }, run, warmupBars);
}

describe("the declared statistics", () => {
  const values = exampleStatistics();

  it.each(STATISTICS.map(({ key, example }) => [key, example] as const))(
    "%s of the example run is what its file says, %d",
    (key, example) => {
      const value = values[key];
      expect(typeof value, key).toBe("number");
      expect(Math.abs((value as number) - example), key).toBeLessThanOrEqual(1e-11 * Math.abs(example));
    },
  );

  it("are listed one for each file of results/statistics, under the file's name", () => {
    const files = readdirSync(FOLDER).filter((name) => name !== "index.ts");
    const kebab = (key: string) => `${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}.ts`;
    expect(STATISTICS.map(({ key }) => kebab(key)).sort(), "run node compute-node/backtest/results-page.ts").toEqual(
      files.sort(),
    );
  });

  it("have a position in JSON that no other has, and a row of their group", () => {
    expect(STATISTICS.map(({ position }) => position)).toEqual(STATISTICS.map((_, index) => index + 1));
    for (const { title, rows } of GROUPED_STATISTICS) {
      expect(
        rows.map(({ row }) => row),
        title,
      ).toEqual(rows.map((_, index) => index + 1));
    }
  });

  it("say why they have no value, where they have none", () => {
    for (const rows of [1, 2, 3, 50]) {
      const bars = randomBars(rows, 1, 0.02);
      const flat = { trades: new TradeLog(), equity: new Float64Array(rows).fill(1000) };
      const statistics = computeStatistics(bars, flat, 0);
      const reasons = undefinedByReason(statistics);
      const missing = STATISTICS.filter(({ key }) => statistics[key] === null);
      expect(missing.length).toBeGreaterThan(5);
      for (const { key, undefinedWhen } of missing) expect(undefinedWhen, key).not.toBeNull();
      expect(reasons.flatMap(({ of }) => of)).toHaveLength(missing.length);
    }
  });
});
