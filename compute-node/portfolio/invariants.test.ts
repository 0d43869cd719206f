import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { backtestSettings } from "../../protocol/operations/index.ts";
import { randomBars } from "../backtest/testing/random-cases.ts";
import type { BarColumns } from "../market-data/bars.ts";
import { runPortfolio } from "./engine.ts";
import { ReferencePortfolio } from "./reference/engine.ts";
import { type RandomPortfolio, randomPortfolio } from "./testing/random-portfolios.ts";

vi.setConfig({ testTimeout: 60_000 });

function run({ symbols, plan, settings }: RandomPortfolio) {
  return runPortfolio(symbols, plan, settings);
}

describe("the money of a portfolio", () => {
  it("is conserved: final equity is capital, every trade's profit, and open positions", () => {
    fc.assert(
      fc.property(randomPortfolio, (random) => {
        const { trades, open, equity, counts } = run(random);
        if (counts.isRuined) return;
        const profits = [...trades.map(({ pnl }) => pnl), ...open.map(({ profit }) => profit)];
        const expected = profits.reduce((sum, profit) => sum + profit, random.settings.initialCapital);
        const scale = random.settings.initialCapital + profits.reduce((sum, profit) => sum + Math.abs(profit), 0);
        expect(Math.abs(equity[equity.length - 1] - expected)).toBeLessThanOrEqual(1e-9 * scale);
      }),
      { numRuns: 1000 },
    );
  });

  it("is never more than all of it: no entry takes the free equity below nothing", () => {
    fc.assert(
      fc.property(randomPortfolio, (random) => {
        const settings = { ...random.settings, fixedFeeSizing: "per_order" as const };
        const slow = new ReferencePortfolio(random.symbols, random.plan, settings).run();
        for (const { equity, free, priceLoss, isLong } of slow.entries) {
          // A long that pays for all of its value pays for spread and slippage too; margin is measured without them.
          const isWhole = settings.margin === 1 && isLong && random.symbols.every(isAboveZero);
          const least = isWhole ? 0 : -priceLoss;
          expect(free).toBeGreaterThanOrEqual(least - 1e-9 * Math.abs(equity));
        }
      }),
      { numRuns: 500 },
    );
  });

  it("does not depend on the order in which the symbols are given", () => {
    fc.assert(
      fc.property(randomPortfolio, (random) => {
        expect(run({ ...random, symbols: random.symbols.toReversed() })).toEqual(run(random));
      }),
      { numRuns: 300 },
    );
  });

  it("scales exactly when prices, dividends, capital and fixed fees are multiplied by a power of two", () => {
    fc.assert(
      fc.property(randomPortfolio, fc.integer({ min: -8, max: 8 }), (random, exponent) => {
        const factor = 2 ** exponent;
        const times = (column: Float64Array) => column.map((price) => price * factor);
        const scaled = (bars: BarColumns): BarColumns => ({
          ...bars,
          open: times(bars.open),
          high: times(bars.high),
          low: times(bars.low),
          close: times(bars.close),
        });
        const { settings } = random;
        const other = run({
          ...random,
          symbols: random.symbols.map((of) => ({
            ...of,
            bars: scaled(of.bars),
            actions: of.actions.map((action) => ({ ...action, dividend: action.dividend * factor })),
          })),
          settings: {
            ...settings,
            initialCapital: settings.initialCapital * factor,
            commissionFixed: settings.commissionFixed * factor,
            commissionPerUnit: settings.commissionPerUnit * factor,
            commissionMinimum: settings.commissionMinimum * factor,
          },
        });
        const one = run(random);
        expect(other.equity).toEqual(times(one.equity));
        expect(other.trades.map(({ size }) => size)).toEqual(one.trades.map(({ size }) => size));
      }),
      { numRuns: 300 },
    );
  });

  it("does not move without costs on flat prices, however often it is rebalanced", () => {
    fc.assert(
      fc.property(randomPortfolio, fc.boolean(), ({ symbols, plan }, fractionalUnits) => {
        const flat = symbols.map((of) => ({
          ...of,
          bars: { ...randomBars(of.bars.rows, 1, 0), timeMs: of.bars.timeMs },
          actions: [],
          rates: null,
        }));
        const { equity, trades } = runPortfolio(flat, plan, backtestSettings.parse({ fractionalUnits }));
        expect(equity.every((money) => money === 100_000)).toBe(true);
        expect(trades.every(({ pnl }) => pnl === 0)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it("runs one way: what later bars hold changes no earlier equity", () => {
    fc.assert(
      fc.property(randomPortfolio, fc.double({ min: 0, max: 1, noNaN: true }), (random, share) => {
        const settings = { ...random.settings, finalizeTrades: false };
        const full = run({ ...random, settings });
        const endMs = full.clock[Math.floor((full.clock.length - 1) * share)];
        const cut = random.symbols.flatMap((of) => {
          const rows = of.bars.timeMs.filter((time) => time <= endMs).length;
          return rows === 0 ? [] : [{ ...of, bars: firstBars(of.bars, rows) }];
        });
        const part = run({ ...random, symbols: cut, settings });
        expect(part.equity).toEqual(full.equity.slice(0, part.equity.length));
      }),
      { numRuns: 500 },
    );
  });
});

function isAboveZero({ bars }: RandomPortfolio["symbols"][number]): boolean {
  return bars.low.every((price) => price > 0);
}

function firstBars(bars: BarColumns, rows: number): BarColumns {
  const cut = (column: Float64Array) => column.subarray(0, rows);
  return {
    rows,
    timeMs: cut(bars.timeMs),
    open: cut(bars.open),
    high: cut(bars.high),
    low: cut(bars.low),
    close: cut(bars.close),
    volume: cut(bars.volume),
  };
}
