import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HOUR_MS } from "../../../protocol/durations.ts";
import type { BarColumns } from "../../market-data/bars.ts";
import { runBacktest } from "../engine/engine.ts";
import { prepareMarket } from "../engine/market.ts";
import { TradeLog } from "../engine/trade-log.ts";
import { randomCase } from "../testing/random-cases.ts";
import { computeStatistics } from "./statistics.ts";
import { summarizeBacktest } from "./summary.ts";

/** The same bars at another spacing: several a day, one a day, or with days left out. */
function spaced(bars: BarColumns, hours: number): BarColumns {
  return { ...bars, timeMs: bars.timeMs.map((_, bar) => bar * hours * HOUR_MS + (bar % 7 === 0 ? HOUR_MS : 0)) };
}

describe("a summary", () => {
  it("has the figures of the whole result, bit for bit, at any spacing of the bars", () => {
    const trades = new TradeLog();
    fc.assert(
      fc.property(randomCase, fc.constantFrom(1, 5, 8, 24, 48, 168), ({ bars, signals, settings }, hours) => {
        const tested = spaced(bars, hours);
        const run = runBacktest(tested, signals, settings);
        const whole = computeStatistics(tested, run, signals.warmupBars);
        const { warnings, ...figures } = summarizeBacktest(prepareMarket(tested), signals, settings, trades);
        expect(whole).toMatchObject(figures);
        expect(warnings).toEqual(run.warnings);
        expect(trades.pnl.subarray(0, trades.count)).toEqual(run.trades.pnl.subarray(0, run.trades.count));
      }),
      { numRuns: 2000 },
    );
  });
});
