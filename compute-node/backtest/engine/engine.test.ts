import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backtestSettings, Problem } from "../../../protocol/index.ts";
import { allocateBars, type BarColumns } from "../../market-data/bars.ts";
import type { StrategySignals } from "../../strategy/signals.ts";
import { commissionOf } from "../reference/arithmetic.ts";
import { ReferenceEngine } from "../reference/engine.ts";
import { randomBars, randomCase, truncated } from "../testing/random-cases.ts";
import { runBacktest } from "./engine.ts";
import { tradeRecords } from "./trade-log.ts";

const noTimes = new Float64Array(0);

function engineTrades(run: ReturnType<typeof runBacktest>) {
  return tradeRecords(run.trades, noTimes).map(({ entryTimeMs: _entry, exitTimeMs: _exit, ...trade }, row) => {
    return { ...trade, holdingCost: run.trades.holdingCost[row] };
  });
}

describe("the fast engine and the slow reference engine", () => {
  it("agree bit for bit on thousands of random walks, signals and settings", () => {
    fc.assert(
      fc.property(randomCase, ({ bars, signals, settings }) => {
        const fast = runBacktest(bars, signals, settings);
        const slow = new ReferenceEngine(bars, signals, settings).run();
        expect(engineTrades(fast)).toEqual(slow.trades);
        expect(Array.from(fast.equity)).toEqual(slow.equity);
        expect(fast.cash).toBe(slow.cash);
        expect(fast.openPosition?.size ?? 0).toBe(slow.position?.size ?? 0);
        const refused = fast.warnings.find((warning) => warning.code === "order-refused")?.count ?? 0;
        expect(refused).toBe(slow.refusedOrders);
        expect(fast.warnings.find(({ code }) => code === "liquidation")?.count ?? 0).toBe(slow.liquidations);
      }),
      { numRuns: 3000 },
    );
  });
});

describe("money", () => {
  it("is conserved: final equity is capital, plus every trade's profit, plus the open position", () => {
    fc.assert(
      fc.property(randomCase, ({ bars, signals, settings }) => {
        const run = runBacktest(bars, signals, settings);
        if (run.warnings.some((warning) => warning.code === "ruin")) return;
        const { openPosition } = run;
        // The equity has paid for holding the open position; no trade carries that cost yet.
        if (openPosition !== null && (settings.shortBorrowRate ?? settings.financingRate) !== undefined) return;
        const close = bars.close[bars.rows - 1];
        let expected = settings.initialCapital;
        for (let row = 0; row < run.trades.count; row++) expected += run.trades.pnl[row];
        if (openPosition !== null) {
          const { size, entryPrice } = openPosition;
          expected += size * (close - entryPrice);
          expected -= commissionOf(settings, Math.abs(size), entryPrice, false);
        }
        const scale = Math.max(settings.initialCapital, ...run.equity);
        expect(Math.abs(run.equity[bars.rows - 1] - expected)).toBeLessThanOrEqual(1e-10 * scale);
      }),
      { numRuns: 500 },
    );
  });

  it("stands at every bar as cash plus the open position, rebuilt from the trade list", () => {
    fc.assert(
      fc.property(randomCase, (random) => {
        const { bars, signals } = random;
        const { shortBorrowRate: _borrow, financingRate: _financing, ...free } = random.settings;
        const settings = { ...free, finalizeTrades: false, fillAt: "next_open" as const };
        const run = runBacktest(bars, signals, settings);
        const ruined = run.equity.indexOf(0);
        const end = ruined < 0 ? bars.rows : ruined;
        const fee = (size: number, price: number) => commissionOf(settings, Math.abs(size), price, false);
        const { trades, openPosition } = run;
        for (let bar = 0; bar < end; bar++) {
          let expected = settings.initialCapital;
          const addOpen = (size: number, entryPrice: number) => {
            expected += size * (bars.close[bar] - entryPrice) - fee(size, entryPrice);
          };
          for (let row = 0; row < trades.count && trades.entryBar[row] <= bar; row++) {
            if (trades.exitBar[row] <= bar) expected += trades.pnl[row];
            else addOpen(trades.size[row], trades.entryPrice[row]);
          }
          if (openPosition !== null && openPosition.entryBar <= bar)
            addOpen(openPosition.size, openPosition.entryPrice);
          const scale = Math.max(settings.initialCapital, Math.abs(expected)) / settings.margin;
          expect(Math.abs(run.equity[bar] - expected)).toBeLessThanOrEqual(1e-10 * scale);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("scales exactly when prices, capital and fixed fees are multiplied by a power of two", () => {
    fc.assert(
      fc.property(randomCase, fc.integer({ min: -8, max: 8 }), ({ bars, signals, settings }, exponent) => {
        const factor = 2 ** exponent;
        const { sizing } = signals;
        const { tickSize } = settings;
        // Decimal ticks are exact only at their own size.
        if (tickSize !== undefined && !Number.isInteger(Math.log2(tickSize))) return;
        const scaled: BarColumns = {
          ...bars,
          open: bars.open.map((price) => price * factor),
          high: bars.high.map((price) => price * factor),
          low: bars.low.map((price) => price * factor),
          close: bars.close.map((price) => price * factor),
        };
        const one = runBacktest(bars, signals, settings);
        const paid = sizing?.kind === "money" ? { sizing: { ...sizing, money: sizing.money * factor } } : {};
        const other = runBacktest(
          scaled,
          { ...signals, ...paid },
          {
            ...settings,
            ...(tickSize === undefined ? {} : { tickSize: tickSize * factor }),
            initialCapital: settings.initialCapital * factor,
            commissionFixed: settings.commissionFixed * factor,
            commissionPerUnit: settings.commissionPerUnit * factor,
            commissionMinimum: settings.commissionMinimum * factor,
          },
        );
        expect(other.equity).toEqual(one.equity.map((money) => money * factor));
        expect(other.trades.size).toEqual(one.trades.size);
        expect(other.trades.pnl).toEqual(one.trades.pnl.map((money) => money * factor));
      }),
      { numRuns: 500 },
    );
  });

  it("does not move without costs on flat prices", () => {
    fc.assert(
      fc.property(randomCase, fc.boolean(), ({ bars, signals }, fractionalUnits) => {
        const flat = randomBars(bars.rows, 1, 0);
        const run = runBacktest(flat, signals, backtestSettings.parse({ fractionalUnits }));
        expect(run.equity.every((money) => money === 100_000)).toBe(true);
        expect(run.trades.pnl.every((profit) => profit === 0)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});

describe("time", () => {
  it("runs one way: what later bars hold changes neither earlier equity nor earlier trades", () => {
    fc.assert(
      fc.property(randomCase, fc.double({ min: 0, max: 1, noNaN: true }), (random, share) => {
        const whole = { ...random, settings: { ...random.settings, finalizeTrades: false } };
        const rows = Math.max(1, Math.floor(random.bars.rows * share));
        const part = truncated(whole, rows);
        const full = runBacktest(whole.bars, whole.signals, whole.settings);
        const prefix = runBacktest(part.bars, part.signals, part.settings);
        expect(prefix.equity).toEqual(full.equity.slice(0, rows));
        expect(engineTrades(full).slice(0, prefix.trades.count)).toEqual(engineTrades(prefix));
      }),
      { numRuns: 1000 },
    );
  });

  it("reports progress in bars and stops when the listener throws", () => {
    const bars = randomBars(200_000, 3, 0.001);
    const signals = signalsAt(bars.rows, { entryLong: every(bars.rows, 20), exitLong: every(bars.rows, 31) });
    const seen: number[] = [];
    runBacktest(bars, signals, backtestSettings.parse({}), (done) => seen.push(done));
    expect(seen.length).toBeGreaterThanOrEqual(3);
    expect(seen.at(-1)).toBe(200_000);
    const stop = () => {
      throw new Error("cancelled");
    };
    expect(() => runBacktest(bars, signals, backtestSettings.parse({}), stop)).toThrow("cancelled");
  });
});

describe("orders", () => {
  it("beyond the equity are refused and counted", () => {
    const run = runBacktest(
      barsOf([100, 100, 100, 100]),
      signalsAt(4, { entryLong: [0, 1, 1, 0] }),
      backtestSettings.parse({ initialCapital: 99 }),
    );
    expect(run.trades.count).toBe(0);
    expect(run.warnings).toMatchObject([{ code: "order-refused", count: 2 }]);
    expect(run.warnings[0].message).toContain("1 unit costs 100 and 99 are free");
  });

  it("to enter both sides at once buy, and are counted", () => {
    const run = runBacktest(
      barsOf([100, 100, 110, 110]),
      signalsAt(4, { entryLong: [0, 1, 0, 0], entryShort: [0, 1, 0, 0] }),
      backtestSettings.parse({ finalizeTrades: false }),
    );
    expect(run.openPosition?.size).toBeGreaterThan(0);
    expect(run.warnings.map((warning) => warning.code)).toEqual(["conflicting-entries", "open-at-end"]);
  });

  it("pay slippage on entry and exit, against the trader", () => {
    const settings = backtestSettings.parse({ slippageRate: 0.01, initialCapital: 1010 });
    const long = runBacktest(
      barsOf([100, 100, 100, 100]),
      signalsAt(4, { entryLong: [0, 1, 0, 0], exitLong: [0, 0, 1, 0] }),
      settings,
    );
    expect(long.trades.entryPrice[0]).toBe(101);
    expect(long.trades.exitPrice[0]).toBe(99);
    const short = runBacktest(
      barsOf([100, 100, 100, 100]),
      signalsAt(4, { entryShort: [0, 1, 0, 0], exitShort: [0, 0, 1, 0] }),
      settings,
    );
    expect(short.trades.entryPrice[0]).toBe(99);
    expect(short.trades.exitPrice[0]).toBe(101);
  });

  it("with fractional units spend the whole equity", () => {
    const run = runBacktest(
      barsOf([30, 30, 30, 60]),
      signalsAt(4, { entryLong: [0, 1, 0, 0] }),
      backtestSettings.parse({ initialCapital: 100, fractionalUnits: true, finalizeTrades: false }),
    );
    expect(run.openPosition?.size).toBeCloseTo(100 / 30, 12);
    expect(run.equity[3]).toBeCloseTo(200, 10);
  });

  it("with a target inside the spread are an error that names both", () => {
    const signals = { ...signalsAt(4, {}), takeProfit: { fraction: 0.001, from: "signal_close" as const } };
    const run = () => runBacktest(barsOf([1, 1, 1, 1]), signals, backtestSettings.parse({ spreadRate: 0.002 }));
    expect(run).toThrow(Problem);
    expect(run).toThrow(/0\.001 lies within the spread of 0\.002/);
  });
});

describe("edges of the data", () => {
  it("no rows give an empty curve and a warning", () => {
    const run = runBacktest(allocateBars(0), signalsAt(0, {}), backtestSettings.parse({}));
    expect(run.equity).toHaveLength(0);
    expect(run.warnings).toMatchObject([{ code: "never-decided" }]);
  });

  it("fewer bars than the warm-up leave the capital alone and say so", () => {
    const signals = { ...signalsAt(3, { entryLong: [1, 1, 1] }), warmupBars: 5 };
    const run = runBacktest(barsOf([1, 2, 3]), signals, backtestSettings.parse({}));
    expect(Array.from(run.equity)).toEqual([100_000, 100_000, 100_000]);
    expect(run.warnings).toMatchObject([{ code: "never-decided", count: 1 }]);
  });

  it("a short that a rise ruins closes at that bar's close, and nothing follows", () => {
    const run = runBacktest(
      barsOf([10, 10, 10, 25, 1, 1]),
      signalsAt(6, { entryShort: [0, 1, 0, 0, 1, 0] }),
      backtestSettings.parse({ initialCapital: 100 }),
    );
    expect(Array.from(run.equity)).toEqual([100, 100, 100, 0, 0, 0]);
    expect(engineTrades(run)).toMatchObject([{ exitBar: 3, exitPrice: 25, exitReason: "ruin" }]);
    expect(run.warnings).toMatchObject([{ code: "ruin" }]);
  });
});

/** Bars whose four prices are equal. */
function barsOf(prices: number[]): BarColumns {
  const bars = allocateBars(prices.length);
  for (const [bar, price] of prices.entries()) {
    bars.timeMs[bar] = bar * 86_400_000;
    for (const column of [bars.open, bars.high, bars.low, bars.close]) column[bar] = price;
  }
  return bars;
}

type Flags = Partial<Record<"entryLong" | "exitLong" | "entryShort" | "exitShort", ArrayLike<number>>>;

function signalsAt(rows: number, flags: Flags): StrategySignals {
  const column = (values: ArrayLike<number> | undefined) => Uint8Array.from(values ?? new Uint8Array(rows));
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

function every(rows: number, step: number): Uint8Array {
  return Uint8Array.from({ length: rows }, (_, bar) => (bar % step === 0 ? 1 : 0));
}
