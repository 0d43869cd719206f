/** The end of the data: orders of the last moment never fill, and open positions close at the last closes. */
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { type BacktestSettings, backtestSettings } from "../../protocol/operations/index.ts";
import { runPortfolio } from "./engine.ts";
import type { PortfolioPlan, PortfolioSymbol } from "./portfolio-model.ts";
import { barsOf, symbolOf } from "./testing/portfolio-parts.ts";
import { type RandomPortfolio, randomPortfolio } from "./testing/random-portfolios.ts";

vi.setConfig({ testTimeout: 60_000 });

const PLAN: PortfolioPlan = { maxPositions: 1, weight: 1, maxWeight: 1, rankOrder: "descending", rebalance: null };
const FLAGS = ["entryLong", "entryShort", "exitLong", "exitShort"] as const;

function closing({ settings, ...random }: RandomPortfolio): RandomPortfolio {
  return { ...random, settings: { ...settings, lastBar: "close", finalizeTrades: true } };
}

/** The same symbol with other signals on its bars at the last moment. */
function decidingOtherwise(of: PortfolioSymbol, endMs: number): PortfolioSymbol {
  const other = (flags: Uint8Array) => flags.map((flag, bar) => (of.bars.timeMs[bar] === endMs ? 1 - flag : flag));
  const changed = Object.fromEntries(FLAGS.map((name) => [name, other(of.signals[name])]));
  return { ...of, signals: { ...of.signals, ...changed } };
}

function outcomeOf({ symbols, plan, settings }: RandomPortfolio) {
  const { trades, equity, exposure, positions, open, cash } = runPortfolio(symbols, plan, settings);
  return { trades, equity, exposure, positions, open, cash };
}

describe("the last moment of a portfolio", () => {
  it("decides nothing: other signals there change no trade and no equity", () => {
    fc.assert(
      fc.property(randomPortfolio, fc.boolean(), (random, finalizeTrades) => {
        const { symbols, plan, settings } = closing(random);
        const endMs = Math.max(...symbols.map(({ bars }) => bars.timeMs[bars.rows - 1]));
        const changed = symbols.map((of) => decidingOtherwise(of, endMs));
        const ended = { ...settings, finalizeTrades };
        expect(outcomeOf({ symbols: changed, plan, settings: ended })).toEqual(
          outcomeOf({ symbols, plan, settings: ended }),
        );
      }),
      { numRuns: 1000 },
    );
  });

  it("closes what is open at the last close of its symbol, and pays for it as for any market order", () => {
    fc.assert(
      fc.property(randomPortfolio, (random) => {
        const { symbols, plan, settings } = closing(random);
        const open = runPortfolio(symbols, plan, { ...settings, finalizeTrades: false });
        const closed = runPortfolio(symbols, plan, settings);
        const last = open.clock.length - 1;
        const byName = symbols.toSorted((a, b) => (a.symbol < b.symbol ? -1 : 1));
        expect(closed.equity.subarray(0, last)).toEqual(open.equity.subarray(0, last));
        const ending = closed.trades.slice(open.trades.length);
        expect(closed.trades.slice(0, open.trades.length)).toEqual(open.trades);
        expect(ending.map(({ slot }) => slot)).toEqual(open.open.map(({ slot }) => slot));
        let costs = 0;
        for (const { slot, size, exitReason, exitMoment, exitPrice, commission } of ending) {
          const { bars, rates } = byName[slot];
          const close = bars.close[bars.rows - 1];
          const rate = rates?.close[bars.rows - 1] ?? 1;
          const slippage = Math.abs(close) * settings.slippageRate;
          expect([exitReason, exitMoment]).toEqual(["end_of_data", last]);
          expect(exitPrice).toBeCloseTo(close - Math.sign(size) * slippage, 8);
          const entry = open.open.find((holding) => holding.slot === slot)?.commission ?? 0;
          costs += commission - entry + Math.abs(size) * slippage * rate;
        }
        const scale = Math.max(settings.initialCapital, ...open.equity.map(Math.abs)) / settings.margin;
        if (!closed.counts.isRuined)
          expect(Math.abs(open.equity[last] - closed.equity[last] - costs)).toBeLessThanOrEqual(1e-9 * scale);
      }),
      { numRuns: 1000 },
    );
  });

  it("has the equity of an open end where leaving costs nothing", () => {
    const costless = { commissionRate: 0, commissionFixed: 0, commissionPerUnit: 0, commissionMinimum: 0 };
    fc.assert(
      fc.property(randomPortfolio, (random) => {
        const { symbols, plan, settings } = closing(random);
        const free: BacktestSettings = { ...settings, ...costless, slippageRate: 0 };
        const closed = runPortfolio(symbols, plan, free).equity;
        const open = runPortfolio(symbols, plan, { ...free, finalizeTrades: false }).equity;
        const scale = Math.max(settings.initialCapital, ...open.map(Math.abs)) / settings.margin;
        for (const [moment, money] of open.entries())
          expect(Math.abs(closed[moment] - money)).toBeLessThanOrEqual(1e-9 * scale);
      }),
      { numRuns: 300 },
    );
  });
});

describe("a portfolio at the end of its data", () => {
  const prices = [10, 10, 10, [10, 20, 10, 20]] as const;
  const run = (symbols: readonly PortfolioSymbol[], more: object = {}, plan: Partial<PortfolioPlan> = {}) =>
    runPortfolio(symbols, { ...PLAN, ...plan }, backtestSettings.parse({ initialCapital: 1000, ...more }));

  it.each(["next_open", "close"])("makes nothing out of an order of the last bar (fills at %s)", (fillAt) => {
    const symbols = [symbolOf("A", barsOf(prices), { entryLong: [3] })];
    expect(Array.from(run(symbols, { fillAt }).equity)).toEqual([1000, 1000, 1000, 1000]);
    // The bar's own rise, seen from behind.
    const replayed = run(symbols, { fillAt, lastBar: "replay" });
    expect(replayed.equity[3]).toBe(2000);
  });

  it("counts the last bar's move, with a commission and slippage on the way out", () => {
    const symbols = [symbolOf("A", barsOf(prices), { entryLong: [1] })];
    expect(run(symbols).trades).toMatchObject([{ size: 100, exitPrice: 20, pnl: 1000, exitReason: "end_of_data" }]);
    const { trades } = run(symbols, { slippageRate: 0.1, commissionFixed: 1 });
    // 90 units at 11 cost 990 and 1; they leave at 18 for another 1.
    expect(trades).toMatchObject([{ size: 90, entryPrice: 11, exitPrice: 18, pnl: 628, commission: 2 }]);
  });

  it("closes a symbol that ended before at its last close, and fills no order that waits for a bar of it", () => {
    const early = symbolOf("A", barsOf([10, 10, [10, 15, 10, 15]]), { entryLong: [1] });
    const late = symbolOf("B", barsOf([10, 10, 10, 10, 10]), {});
    const waiting = symbolOf("C", barsOf([10, 10, 10]), { entryLong: [2] });
    const { trades, counts } = run([early, late, waiting], {}, { maxPositions: 2, weight: 0.5 });
    expect(trades).toMatchObject([{ size: 50, exitMoment: 4, exitPrice: 15, pnl: 250, exitReason: "end_of_data" }]);
    expect([counts.refusals.no_bar, counts.endedEarly]).toEqual([1, 1]);
  });

  it("does not rebalance on the last bar", () => {
    const rebalance = { every: 3, weights: "equal", volatility_bars: 20, select: "held", band: 0 } as const;
    const symbols = [symbolOf("A", barsOf(prices), { entryLong: [0, 1] }), symbolOf("B", barsOf([10, 10, 10, 10]), {})];
    const { trades } = run(symbols, {}, { rebalance, maxPositions: 2, weight: 0.5 });
    expect(trades).toMatchObject([{ size: 50, pnl: 500, exitReason: "end_of_data" }]);
  });

  it("pays a dividend and splits on the last bar before it closes", () => {
    const actions = [{ bar: 3, split: 2, dividend: 1 }];
    const symbols = [{ ...symbolOf("A", barsOf([10, 10, 10, 4]), { entryLong: [1] }), actions }];
    // 100 units become 200, which get 200 and leave at 4 for 800.
    expect(run(symbols).trades).toMatchObject([{ size: 200, entryPrice: 5, exitPrice: 4, dividends: 200, pnl: 0 }]);
  });
});
