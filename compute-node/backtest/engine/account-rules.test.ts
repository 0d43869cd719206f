import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DAY_MS } from "../../../protocol/durations.ts";
import { type BacktestSettings, backtestSettings } from "../../../protocol/index.ts";
import { ruleStrategy } from "../../../protocol/strategy-rules.ts";
import { allocateBars, type BarColumns } from "../../market-data/bars.ts";
import { compileRules } from "../../strategy/index.ts";
import type { StrategySignals } from "../../strategy/signals.ts";
import { randomBars } from "../testing/random-cases.ts";
import { runBacktest } from "./engine.ts";
import { annualVolatility } from "./volatility.ts";

describe("holding", () => {
  it("is charged to the cash at every bar and to the trade at its end, weekends included", () => {
    const bars = barsOf([100, 100, 100, 100, 100, 100], [0, 1, 2, 5, 6, 7]);
    const signals = signalsOf(6, { entryShort: [0, 1, 0, 0, 0, 0], exitShort: [0, 0, 0, 1, 0, 0] });
    const settings = backtestSettings.parse({ initialCapital: 1000, shortBorrowRate: 0.365 });
    const run = runBacktest(bars, signals, settings);
    // Ten units at 100: 1 a day, from the open of day 2 to that of day 6.
    expect(Array.from(run.equity)).toEqual([1000, 1000, 1000, 997, 996, 996]);
    expect(run.trades.holdingCost[0]).toBeCloseTo(4, 12);
    expect(run.trades.pnl[0]).toBeCloseTo(-4, 12);
    expect(run.trades.returnFraction[0]).toBeCloseTo(-0.004, 12);
  });
});

describe("liquidation", () => {
  const settings = backtestSettings.parse({ initialCapital: 1000, margin: 0.2, maintenanceMargin: 0.1 });
  const long = { entryLong: [0, 1, 0, 0] };

  it("closes at its price, is counted, and comes before a target on the same bar", () => {
    // 50 units at 100 on 1000 of equity: 4000 borrowed, liquidated at 4000 / (50 · 0.9) = 88.89.
    const bars = barsOf([100, 100, 100, 100]);
    [bars.low[3], bars.high[3]] = [80, 130];
    const run = runBacktest(bars, { ...signalsOf(4, long), takeProfit: { fraction: 0.2, from: "fill" } }, settings);
    expect(run.trades.exitPrice[0]).toBeCloseTo(4000 / 45, 10);
    expect(run.warnings.map(({ code, count }) => [code, count])).toEqual([
      ["ambiguous-bar", 1],
      ["liquidation", 1],
    ]);
  });

  it("behind a gap closes at the open", () => {
    const bars = barsOf([100, 100, 100, 85]);
    expect(runBacktest(bars, signalsOf(4, long), settings).trades.exitPrice[0]).toBe(85);
  });
});

describe("a target that stood in the book", () => {
  it("pays the maker's commission, and the taker's when it fills at the first open", () => {
    const settings = backtestSettings.parse({
      initialCapital: 1000,
      commissionRate: 0.01,
      makerCommissionRate: 0.002,
      fractionalUnits: true,
    });
    const feeOf = (from: "fill" | "signal_close", open: number) => {
      const bars = barsOf([100, 100, open, open, 200]);
      const signals = signalsOf(5, { entryLong: [0, 1, 0, 0, 0] });
      const { trades } = runBacktest(bars, { ...signals, takeProfit: { fraction: 0.5, from } }, settings);
      return trades.commission[0] / trades.size[0];
    };
    expect(feeOf("fill", 100)).toBeCloseTo(100 * 0.01 + 200 * 0.002, 10);
    // The target of 150 lies behind the open at which the entry itself fills.
    expect(feeOf("signal_close", 160)).toBeCloseTo(160 * 0.01 + 160 * 0.01, 10);
  });
});

describe("a size by volatility", () => {
  it("holds the target over the measured volatility, with daily returns of ±1 % at 365 bars a year", () => {
    const rows = 60;
    const closes = Array.from({ length: rows }, (_, bar) => 100 * 1.01 ** (bar % 2));
    const bars = barsOf(closes);
    // An even window of returns +1 % and 1/1.01 - 1, whose deviation is half their distance times √(n / (n - 1)).
    const daily = ((0.01 - (1 / 1.01 - 1)) / 2) * Math.sqrt(20 / 19);
    expect(annualVolatility(bars, 40, 20)).toBeCloseTo(daily * Math.sqrt(365.25), 12);
    expect(annualVolatility(bars, 19, 20)).toBeNaN();
    const strategy = ruleStrategy.parse({
      kind: "rules",
      name: "steady",
      entries: { long: "close > 0" },
      size: { volatility_target: "5%" },
    });
    const signals = compileRules(strategy).signals(bars);
    expect(signals.warmupBars).toBe(20);
    const open = { finalizeTrades: false, fractionalUnits: true };
    const run = runBacktest(bars, signals, backtestSettings.parse(open));
    const { size, entryPrice } = run.openPosition ?? { size: Number.NaN, entryPrice: Number.NaN };
    expect((size * entryPrice) / 100_000).toBeCloseTo(0.05 / annualVolatility(bars, 21, 20), 12);
    const borrowing = runBacktest(
      bars,
      { ...signals, sizing: { kind: "volatility", target: 9, window: 20 } },
      backtestSettings.parse({ ...open, margin: 0.5 }),
    );
    expect(((borrowing.openPosition?.size ?? 0) * entryPrice) / 100_000).toBeCloseTo(2, 9);
  });

  it("reads no later bar", () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 30, max: 90 }), (seed, bar) => {
        const bars = randomBars(100, seed, 0.03);
        const known = annualVolatility(bars, bar, 20);
        bars.close.fill(1, bar + 1);
        bars.timeMs.fill(0, bar + 1);
        expect(annualVolatility(bars, bar, 20)).toBe(known);
      }),
      { numRuns: 50 },
    );
  });
});

describe("a size by risk", () => {
  it("loses its part of the equity at the stop, whatever the leverage, where the account carries it", () => {
    const part = fc.integer({ min: 1, max: 10 }).map((percent) => percent / 100);
    fc.assert(
      fc.property(part, part, fc.constantFrom(1, 0.5, 0.1), (risk, stop, margin) => {
        const bars = barsOf([100, 100, 100, 100]);
        bars.low[3] = 50;
        const strategy = ruleStrategy.parse({
          ...{ kind: "rules", name: "risk", entries: { long: "close > 0" } },
          ...{ size: { risk }, stop_loss: { fraction: stop, from: "fill" } },
        });
        const settings = backtestSettings.parse({ initialCapital: 10_000, margin, fractionalUnits: true });
        const { trades } = runBacktest(bars, compileRules(strategy).signals(bars), settings);
        const carried = Math.min(risk, stop / margin);
        expect(trades.pnl[0]).toBeCloseTo(-10_000 * carried, 6);
      }),
    );
  });
});

describe("a fixed size", () => {
  const bars = barsOf([100, 100, 100, 100]);
  const bought = (size: object, settings: Partial<BacktestSettings> = {}) => {
    const strategy = ruleStrategy.parse({ kind: "rules", name: "fixed", entries: { long: "close > 0" }, size });
    const signals = compileRules(strategy).signals(bars);
    return runBacktest(bars, signals, backtestSettings.parse({ finalizeTrades: false, ...settings }));
  };

  it("buys its units or its money's worth", () => {
    expect(bought({ units: 7 }).openPosition?.size).toBe(7);
    expect(bought({ money: 1050 }).openPosition?.size).toBe(10);
    expect(bought({ money: 1050 }, { fractionalUnits: true }).openPosition?.size).toBeCloseTo(10.5, 12);
    expect(bought({ units: 7 }, { lotSize: 5 }).openPosition?.size).toBe(5);
  });

  it("beyond what the account carries is refused, and counted by its reason", () => {
    expect(bought({ units: 2000 }).refusals).toMatchObject({ no_cash: 2 });
    expect(bought({ units: 2000 }, { margin: 0.9 }).refusals).toMatchObject({ margin: 2 });
    expect(bought({ money: 100_001 }).refusals).toMatchObject({ no_cash: 2 });
    expect(bought({ units: 3 }, { lotSize: 5 }).refusals).toMatchObject({ below_lot: 2 });
    expect(bought({ money: 100_000 }).openPosition?.size).toBe(1000);
    expect(bought({ money: 100_000 }, { allIn: "below" }).openPosition?.size).toBe(999);
  });
});

/** Bars whose four prices are equal, a day apart or on the given days. */
function barsOf(prices: readonly number[], days: readonly number[] = prices.map((_, bar) => bar)): BarColumns {
  const bars = allocateBars(prices.length);
  for (const [bar, price] of prices.entries()) {
    bars.timeMs[bar] = days[bar] * DAY_MS;
    for (const column of [bars.open, bars.high, bars.low, bars.close]) column[bar] = price;
  }
  return bars;
}

type Flags = Partial<Record<"entryLong" | "exitLong" | "entryShort" | "exitShort", readonly number[]>>;

function signalsOf(rows: number, flags: Flags): StrategySignals {
  const column = (values: readonly number[] | undefined) => Uint8Array.from(values ?? new Uint8Array(rows));
  return {
    warmupBars: 0,
    entryLong: column(flags.entryLong),
    exitLong: column(flags.exitLong),
    entryShort: column(flags.entryShort),
    exitShort: column(flags.exitShort),
    reverse: false,
    sizeFraction: 1,
    stopLoss: null,
    takeProfit: null,
  };
}
