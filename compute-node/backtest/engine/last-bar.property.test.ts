/** The end of the data decides nothing: whatever a run on fewer bars did, the run on more bars did too. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EXIT_REASONS } from "../../../protocol/backtest-result.ts";
import type { BacktestSettings } from "../../../protocol/operations/index.ts";
import { tradedPrice } from "../../ledger/index.ts";
import { type BarColumns, barsBetween } from "../../market-data/bars.ts";
import { playOrders } from "../testing/play-orders.ts";
import { randomCase, randomSettings, truncated } from "../testing/random-cases.ts";
import { randomScript, SCRIPT_BARS } from "../testing/random-orders.ts";
import { runBacktest } from "./engine.ts";
import { type TradeLog, tradeRecords } from "./trade-log.ts";

const END = EXIT_REASONS.indexOf("end_of_data");

/** Trades that the market or the strategy closed. */
function tradesBeforeTheEnd(trades: TradeLog) {
  return tradeRecords(trades, new Float64Array(1000)).filter((_, row) => trades.exitReason[row] !== END);
}

/** Every trade that the end closed left at the last close, as a market order. */
function expectClosedAtTheClose(trades: TradeLog, bars: BarColumns, settings: BacktestSettings): void {
  const last = bars.rows - 1;
  const fills = { spreadRate: 0, slippageRate: settings.slippageRate, tickSize: settings.tickSize ?? 0 };
  for (let row = 0; row < trades.count; row++) {
    if (trades.exitReason[row] !== END) continue;
    expect(trades.exitBar[row]).toBe(last);
    expect(trades.exitPrice[row]).toBe(tradedPrice(fills, trades.size[row] > 0 ? -1 : 1, bars.close[last]));
  }
}

const atTheClose = (settings: BacktestSettings): BacktestSettings => {
  const { lastBar: _default, ...rest } = settings;
  return { ...rest, finalizeTrades: true };
};

describe("the end of the data, for signals", () => {
  it("fills no order of the last bar, and closes what is open at the last close", () => {
    fc.assert(
      fc.property(randomCase, fc.integer({ min: 1, max: 400 }), (random, cut) => {
        const settings = atTheClose(random.settings);
        const rows = Math.min(cut, random.bars.rows);
        const short = truncated(random, rows);
        const run = runBacktest(short.bars, short.signals, settings);
        const whole = runBacktest(random.bars, random.signals, settings);
        if (run.warnings.some(({ code }) => code === "ruin")) return;
        const kept = tradesBeforeTheEnd(run.trades);
        expect(kept).toEqual(tradeRecords(whole.trades, new Float64Array(1000)).slice(0, kept.length));
        expect(run.equity.slice(0, rows - 1)).toEqual(whole.equity.slice(0, rows - 1));
        expectClosedAtTheClose(run.trades, short.bars, settings);
        expect(run.openPosition).toBeNull();
      }),
      { numRuns: 1000 },
    );
  });

  it("leaves the equity that an open position has, less the costs of leaving", () => {
    fc.assert(
      fc.property(randomCase, (random) => {
        const settings = atTheClose(random.settings);
        const { tickSize = 0 } = settings;
        // A price below one tick is sold for a whole one.
        if (random.bars.low.some((price) => price < tickSize)) return;
        const { trades, equity } = runBacktest(random.bars, random.signals, settings);
        const open = runBacktest(random.bars, random.signals, { ...settings, finalizeTrades: false });
        const last = random.bars.rows - 1;
        if (equity[last] === 0) return;
        let costs = 0;
        if (open.openPosition !== null) {
          const row = trades.count - 1;
          const { size, exitPrice } = { size: trades.size[row], exitPrice: trades.exitPrice[row] };
          const entryFee = trades.commission[row];
          costs = size * (random.bars.close[last] - exitPrice) + entryFee;
        }
        // The open run has paid the entry's commission already.
        const slack = 1e-9 * Math.max(settings.initialCapital, ...open.equity);
        expect(equity[last]).toBeLessThanOrEqual(open.equity[last] + slack);
        expect(equity[last]).toBeGreaterThanOrEqual(open.equity[last] - costs - slack);
      }),
      { numRuns: 500 },
    );
  });
});

describe("the end of the data, for orders", () => {
  it("fills no order of the last bar, and closes what is open at the last close", () => {
    fc.assert(
      fc.property(randomScript, randomSettings, fc.integer({ min: 1, max: SCRIPT_BARS }), (script, random, rows) => {
        const settings = atTheClose(random);
        const whole = playOrders(script, settings);
        const bars = barsBetween(script.bars, 0, rows);
        const part = playOrders({ ...script, bars }, settings);
        if (part.isRuined) return;
        const kept = tradesBeforeTheEnd(part.trades);
        expect(kept).toEqual(tradeRecords(whole.trades, new Float64Array(SCRIPT_BARS)).slice(0, kept.length));
        expect(part.equity.slice(0, rows - 1)).toEqual(whole.equity.slice(0, rows - 1));
        expectClosedAtTheClose(part.trades, bars, settings);
        expect(part.size).toBe(0);
      }),
      { numRuns: 1000 },
    );
  });
});
