import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { conventionsOf } from "../../../protocol/conventions.ts";
import { DAY_MS } from "../../../protocol/durations.ts";
import { backtestSettings } from "../../../protocol/index.ts";
import type { BarColumns } from "../../market-data/bars.ts";
import type { StrategySignals } from "../../strategy/signals.ts";
import { runBacktest } from "../engine/engine.ts";
import { prepareMarket } from "../engine/market.ts";
import { TradeLog } from "../engine/trade-log.ts";
import { barStatistics } from "./bar-statistics.ts";
import { compareToBenchmark, heldEquity } from "./benchmark.ts";
import { runDetails } from "./run-details.ts";
import { computeStatistics } from "./statistics.ts";
import { summarizeBacktest } from "./summary.ts";

const CAPITAL = 10_000;

function barsOf(close: Float64Array, stepDays: number): BarColumns {
  const timeMs = Float64Array.from(close, (_, bar) => Date.UTC(2020, 0, 1) + bar * stepDays * DAY_MS);
  const open = close.map((price, bar) => close[bar - 1] ?? price);
  const [high, low] = [Math.max, Math.min].map((pick) => close.map((price, bar) => pick(price, open[bar])));
  return { rows: close.length, timeMs, open, high, low, close, volume: new Float64Array(close.length) };
}

/** Buys once, with a part of the money, and holds. */
function holding(rows: number, sizeFraction: number): StrategySignals {
  const column = () => new Uint8Array(rows);
  const entryLong = column();
  entryLong[0] = 1;
  return {
    warmupBars: -1,
    entryLong,
    exitLong: column(),
    entryShort: column(),
    exitShort: column(),
    reverse: false,
    sizeFraction,
    stopLoss: null,
    takeProfit: null,
  };
}

/** Quotients by a deviation, of an equity and of prices that are bought and held. */
function quotients(bars: BarColumns, equity: Float64Array): Record<string, number | string | null> {
  const statistics = computeStatistics(bars, { trades: new TradeLog(), equity }, 0);
  const held = heldEquity(bars.close, 0, CAPITAL);
  const beside = compareToBenchmark("TEST", held, equity, prepareMarket(bars));
  const byBars = barStatistics(bars.timeMs, equity);
  return {
    sharpe: statistics.sharpeRatio,
    beta: statistics.beta,
    alpha: statistics.alphaPercent,
    barSharpe: byBars.sharpeRatio,
    barSortino: byBars.sortinoRatio,
    benchmarkSharpe: beside.sharpeRatio,
    benchmarkBeta: beside.beta,
    benchmarkAlpha: beside.alphaPercent,
    correlation: beside.correlation,
    information: beside.informationRatio,
  };
}

const NONE = {
  sharpe: null,
  beta: null,
  alpha: null,
  barSharpe: null,
  barSortino: null,
  benchmarkSharpe: null,
  benchmarkBeta: null,
  benchmarkAlpha: null,
  correlation: null,
  information: null,
};

const rows = fc.integer({ min: 3, max: 400 });
const scale = fc
  .integer({ min: -60, max: 60 })
  .chain((power) => fc.double({ min: 1, max: 2, noNaN: true }).map((x) => x * 2 ** power));
/** A growth of each bar; over 400 bars up to a factor of a thousand, in either direction. */
const growth = fc.oneof(fc.constant(1), fc.double({ min: 0.983, max: 1.017, noNaN: true }));
const steady = fc.tuple(rows, scale, growth, fc.boolean()).map(([count, first, each, isStepped]) => {
  const close = new Float64Array(count).fill(first);
  for (let bar = 1; bar < count; bar++) close[bar] = isStepped ? close[bar - 1] * each : first * each ** bar;
  return close;
});
const stepDays = fc.constantFrom(1, 2, 7, 30);

describe("returns that differ only by rounding", () => {
  it("have no quotient by their deviation, whatever the scale, the growth and the length", () => {
    fc.assert(
      fc.property(steady, scale, stepDays, (close, money, step) => {
        const equity = close.map((price) => (price / close[0]) * money);
        expect(quotients(barsOf(close, step), equity)).toEqual(NONE);
      }),
      { numRuns: 300 },
    );
  });

  it("have none either in an account that holds", () => {
    fc.assert(
      fc.property(steady, (close) => {
        const bars = barsOf(close, 1);
        const settings = backtestSettings.parse({ initialCapital: CAPITAL, fractionalUnits: true, fillAt: "close" });
        const run = runBacktest(bars, holding(close.length, 1), settings);
        // The first return is that of the bar before the entry.
        const { equity } = run;
        const { sharpe: _sharpe, ...others } = quotients(bars, equity);
        expect(others).toMatchObject({ beta: null, benchmarkSharpe: null, benchmarkBeta: null, correlation: null });
      }),
    );
  });

  it("give an account of equal prices no ratio at all, a loss by rounding included", () => {
    fc.assert(
      fc.property(
        rows,
        scale,
        fc.array(fc.constantFrom(-1, 0, 1), { minLength: 400, maxLength: 400 }),
        (count, at, ups) => {
          const near = Float64Array.from({ length: count }, (_, bar) => at * (1 + ups[bar] * 2 ** -52));
          const bars = barsOf(new Float64Array(count).fill(at), 1);
          const { sharpeRatio, sortinoRatio, calmarRatio, beta } = computeStatistics(
            bars,
            { trades: new TradeLog(), equity: near },
            0,
          );
          expect({ sharpeRatio, sortinoRatio, calmarRatio, beta }).toEqual({
            sharpeRatio: null,
            sortinoRatio: null,
            calmarRatio: null,
            beta: null,
          });
          const byBars = barStatistics(bars.timeMs, near);
          expect([byBars.sharpeRatio, byBars.sortinoRatio, byBars.calmarRatio, byBars.recoveryFactor]).toEqual(
            new Array(4).fill(null),
          );
        },
      ),
    );
  });

  it("give trades with equal profits no system quality number", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 50 }), scale, scale, (count, price, units) => {
        const trades = new TradeLog();
        for (let trade = 0; trade < count; trade++) {
          const row = trades.append();
          trades.entryBar[row] = 1;
          trades.exitBar[row] = 2;
          trades.size[row] = units;
          trades.entryPrice[row] = price;
          trades.pnl[row] = units * (price * (1.01 + (trade % 2) * 2 ** -52) - price);
          trades.returnFraction[row] = 0.01;
        }
        const bars = barsOf(new Float64Array(5).fill(price), 1);
        const run = { trades, equity: Float64Array.of(1, 1, 2, 2, 3) };
        expect(computeStatistics(bars, run, 0).sqn).toBeNull();
      }),
    );
  });
});

describe("returns that vary", () => {
  it("keep their quotients at any scale, also where they vary by a millionth", () => {
    const noise = fc.array(
      fc.integer({ min: -1000, max: 1000 }).map((x) => x / 1000),
      { minLength: 30, maxLength: 300 },
    );
    const cases = fc.tuple(
      noise,
      scale,
      fc.constantFrom(1e-6, 1e-3, 0.05),
      fc.double({ min: 0, max: 1e-3, noNaN: true }),
    );
    fc.assert(
      fc.property(cases, stepDays, ([drawn, first, size, drift], step) => {
        fc.pre(new Set(drawn.map((x) => Math.round(x * 10))).size > 5);
        const close = new Float64Array(drawn.length).fill(first);
        const equity = new Float64Array(drawn.length).fill(CAPITAL);
        for (let bar = 1; bar < close.length; bar++) {
          close[bar] = close[bar - 1] * (1 + drift + size * drawn[bar]);
          equity[bar] =
            equity[bar - 1] * (1 + drift + (size / 2) * drawn[bar] + (size / 3) * drawn[drawn.length - bar]);
        }
        for (const [name, value] of Object.entries(quotients(barsOf(close, step), equity))) {
          // Bars that all rise have no losses to deviate.
          if (name !== "barSortino") expect(value, name).not.toBeNull();
        }
      }),
    );
  });

  it("have the same Sharpe ratio in a summary as in the result", () => {
    fc.assert(
      fc.property(steady, stepDays, (close, step) => {
        const bars = barsOf(close, step);
        const settings = backtestSettings.parse({ initialCapital: CAPITAL, fractionalUnits: true });
        const signals = { ...holding(close.length, 0.5), warmupBars: 0 };
        const run = runBacktest(bars, signals, settings);
        const { sharpeRatio } = computeStatistics(bars, run, 0);
        expect(summarizeBacktest(prepareMarket(bars), signals, settings).sharpeRatio).toBe(sharpeRatio);
      }),
    );
  });
});

it("buy-and-hold begins at the same bar in the statistics and beside the benchmark", () => {
  const close = Float64Array.from({ length: 60 }, (_, bar) => 100 + 10 * Math.sin(bar) + bar);
  const bars = barsOf(close, 1);
  const run = runBacktest(bars, { ...holding(60, 1), warmupBars: 20 }, backtestSettings.parse({}));
  for (const [buyAndHoldFrom, from] of [
    ["first_bar", 0],
    ["first_decision", 20],
  ] as const) {
    const finished = {
      ...run,
      conventions: conventionsOf({ buyAndHoldFrom }),
      openLots: [],
      signals: null,
      warmupBars: 20,
    };
    const expected = (close[59] / close[from] - 1) * 100;
    expect(computeStatistics(bars, finished, 20).buyAndHoldReturnPercent).toBeCloseTo(expected, 10);
    const { benchmark } = runDetails(bars, finished, { symbol: "TEST", fillAt: "next_open", initialCapital: CAPITAL });
    expect(benchmark.returnPercent).toBeCloseTo(expected, 10);
  }
});
