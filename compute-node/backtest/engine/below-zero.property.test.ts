/** Prices on either side of zero: both engines agree with the slow ones, and no cost is ever below nothing. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BacktestSettings } from "../../../protocol/operations/index.ts";
import type { BarColumns } from "../../market-data/bars.ts";
import { ReferenceEngine } from "../reference/engine.ts";
import { playOrders } from "../testing/play-orders.ts";
import { randomCase, randomSettings } from "../testing/random-cases.ts";
import { randomScript } from "../testing/random-orders.ts";
import { runBacktest } from "./engine.ts";
import { type TradeLog, tradeRecords } from "./trade-log.ts";

/** Prices begin near 100, so that a drop of 100 lets them cross zero, and one of 150 keeps them below it. */
const drop = fc.constantFrom(80, 100, 110, 150);

function lowered(bars: BarColumns, by: number): BarColumns {
  const less = (column: Float64Array) => column.map((price) => price - by);
  return { ...bars, open: less(bars.open), high: less(bars.high), low: less(bars.low), close: less(bars.close) };
}

/** Commission of both sides by plain arithmetic, where nothing rebates. */
function expectCostsOf(trades: TradeLog, settings: BacktestSettings): void {
  const { commissionRate, makerCommissionRate = commissionRate } = settings;
  const least = Math.min(commissionRate, makerCommissionRate);
  if (least < 0) return;
  for (let row = 0; row < trades.count; row++) {
    const value = Math.abs(trades.size[row]) * (Math.abs(trades.entryPrice[row]) + Math.abs(trades.exitPrice[row]));
    expect(trades.commission[row]).toBeGreaterThanOrEqual(value * least * (1 - 1e-9));
    expect(trades.holdingCost[row]).toBeGreaterThanOrEqual(0);
  }
}

describe("prices on either side of zero", () => {
  it("give the trades and the equity of the slow engine, and costs that are paid", () => {
    fc.assert(
      fc.property(randomCase, drop, (random, by) => {
        const bars = lowered(random.bars, by);
        const { sizing, ...plain } = random.signals;
        // Volatilities are measured from prices above zero.
        const signals = sizing?.kind === "volatility" ? plain : random.signals;
        const fast = runBacktest(bars, signals, random.settings);
        const slow = new ReferenceEngine(bars, signals, random.settings).run();
        const records = tradeRecords(fast.trades, new Float64Array(0));
        const trades = records.map(({ entryTimeMs: _entry, exitTimeMs: _exit, ...trade }, row) => {
          return { ...trade, holdingCost: fast.trades.holdingCost[row] };
        });
        expect(trades).toEqual(slow.trades);
        expect(Array.from(fast.equity)).toEqual(slow.equity);
        expectCostsOf(fast.trades, random.settings);
      }),
      { numRuns: 1500 },
    );
  });

  it("give orders costs that are paid", () => {
    fc.assert(
      fc.property(randomScript, randomSettings, drop, (script, settings, by) => {
        const { trades } = playOrders({ ...script, bars: lowered(script.bars, by) }, settings);
        expectCostsOf(trades, settings);
      }),
      { numRuns: 1000 },
    );
  });
});
