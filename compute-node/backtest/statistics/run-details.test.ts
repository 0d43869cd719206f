import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { conventionsOf } from "../../../protocol/conventions.ts";
import { DAY_MS } from "../../../protocol/durations.ts";
import { backtestSettings, backtestSpec } from "../../../protocol/operations/index.ts";
import { type BarColumns, barsBetween } from "../../market-data/bars.ts";
import type { StrategySignals } from "../../strategy/signals.ts";
import { runBacktest } from "../engine/engine.ts";
import { prepareMarket } from "../engine/market.ts";
import { OrderLog } from "../engine/order-log.ts";
import { TradeLog } from "../engine/trade-log.ts";
import { executeBacktest } from "../execute.ts";
import { defineStrategy } from "../script/api.ts";
import { runScript } from "../script/strategy.ts";
import { randomBars, randomCase } from "../testing/random-cases.ts";
import { barStatistics } from "./bar-statistics.ts";
import { compareToBenchmark, heldEquity } from "./benchmark.ts";
import { tradeExcursions } from "./excursions.ts";
import type { FinishedRun } from "./finished-run.ts";
import { runDetails } from "./run-details.ts";

const conventions = conventionsOf({});

function barsOf(rows: readonly (readonly [open: number, high: number, low: number, close: number])[]): BarColumns {
  const column = (read: (row: readonly number[], bar: number) => number) => Float64Array.from(rows, read);
  return {
    rows: rows.length,
    timeMs: column((_, bar) => bar * DAY_MS),
    open: column(([open]) => open),
    high: column(([, high]) => high),
    low: column(([, , low]) => low),
    close: column(([, , , close]) => close),
    volume: column(() => 1),
  };
}

function finished(
  bars: BarColumns,
  signals: StrategySignals,
  settings: Parameters<typeof runBacktest>[2],
): FinishedRun {
  const run = runBacktest(bars, signals, settings);
  const openLots = run.openPosition === null ? [] : [run.openPosition];
  return { ...run, openLots, signals, warmupBars: signals.warmupBars };
}

const context = { symbol: "TEST", fillAt: "next_open", initialCapital: 1000 } as const;

describe("excursions", () => {
  const bars = barsOf([
    [10, 11, 9, 10],
    [10, 14, 8, 12],
    [12, 20, 7, 13],
    [13, 30, 1, 14],
  ]);
  const excursionsOf = (
    size: number,
    entryBar: number,
    exitBar: number,
    exitPrice: number,
    orders = new OrderLog(),
  ) => {
    const trades = new TradeLog();
    const row = trades.append();
    trades.size[row] = size;
    trades.entryBar[row] = entryBar;
    trades.exitBar[row] = exitBar;
    trades.entryPrice[row] = 10;
    trades.exitPrice[row] = exitPrice;
    const { adverse, favourable } = tradeExcursions(bars, { trades, orders, conventions }, "next_open");
    return [adverse[0] * 10, favourable[0] * 10].map((value) => Number(value.toFixed(9)));
  };

  it("are the range from the entry's bar to the one before the exit, and the exit's open and price", () => {
    expect(excursionsOf(5, 1, 3, 13)).toEqual([-3, 10]);
    expect(excursionsOf(-5, 1, 3, 13)).toEqual([-10, 3]);
    expect(excursionsOf(5, 1, 2, 6)).toEqual([-4, 4]);
  });

  it("within one bar are the trade's two prices", () => {
    expect(excursionsOf(5, 1, 1, 9)).toEqual([-1, 0]);
    expect(excursionsOf(-5, 1, 1, 9)).toEqual([0, 1]);
  });

  it("leave out prices of the entry's bar that may lie before a fill at a limit", () => {
    const orders = new OrderLog();
    orders.end(orders.place(1, "limit", 0, 5, 10, Number.NaN), "filled", "signal", 1, 5, 10);
    expect(excursionsOf(5, 1, 2, 12, orders)).toEqual([0, 2]);
  });

  it("are those of a plain loop over the bars, however long a trade is", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 999 }), fc.nat(998), fc.nat(998), (seed, first, second) => {
        const walk = randomBars(1000, seed, 0.03);
        const [entry, exit] = [Math.min(first, second), Math.max(first, second) + 1];
        const trades = new TradeLog();
        trades.append();
        trades.size[0] = 1;
        trades.entryBar[0] = entry;
        trades.exitBar[0] = exit;
        trades.entryPrice[0] = walk.open[entry];
        trades.exitPrice[0] = walk.open[exit];
        const { adverse, favourable } = tradeExcursions(
          walk,
          { trades, orders: new OrderLog(), conventions },
          "next_open",
        );
        const lowest = Math.min(walk.open[exit], ...walk.low.subarray(entry, exit));
        const highest = Math.max(walk.open[exit], ...walk.high.subarray(entry, exit));
        expect(adverse[0]).toBe((lowest - walk.open[entry]) / walk.open[entry]);
        expect(favourable[0]).toBe((highest - walk.open[entry]) / walk.open[entry]);
      }),
    );
  });
});

describe("the details of a run", () => {
  it("fit its trades, its equity and its warnings, for random signals and settings", () => {
    fc.assert(
      fc.property(randomCase, ({ bars, signals, settings }) => {
        const run = finished(bars, signals, settings);
        const { fillAt, initialCapital } = settings;
        const details = runDetails(bars, run, { symbol: "TEST", fillAt, initialCapital });
        expect(details.trades).toHaveLength(run.trades.count);
        for (const trade of details.trades) {
          expect(trade.adverseExcursion).toBeLessThanOrEqual(0);
          expect(trade.favourableExcursion).toBeGreaterThanOrEqual(0);
          const move = Math.sign(trade.size) * (trade.exitPrice - trade.entryPrice) * Math.abs(trade.size);
          const slack = 1e-9 * Math.abs(trade.size) * trade.entryPrice;
          expect(move).toBeLessThanOrEqual(trade.favourableExcursion + slack);
          expect(move).toBeGreaterThanOrEqual(trade.adverseExcursion - slack);
        }
        const { all, long, short } = details.tradeSides;
        expect(long.tradeCount + short.tradeCount).toBe(all.tradeCount);
        expect(Number(long.profit) + Number(short.profit)).toBeCloseTo(Number(all.profit), 6);
        const filled = details.orders.filter(({ status }) => status === "filled");
        expect(filled).toHaveLength(2 * run.trades.count + (run.openPosition === null ? 0 : 1));
        const refused = details.orders.filter(({ status }) => status === "refused").length;
        const { noCash, belowLot, margin, pyramiding, noSize } = details.refusals;
        expect(noCash + belowLot + margin + pyramiding + noSize).toBe(refused);
        expect(run.warnings.find(({ code }) => code === "order-refused")?.count ?? 0).toBe(refused);
        for (const order of details.orders) {
          expect(order.endedBar).toBeGreaterThanOrEqual(order.placedBar - (fillAt === "close" ? 1 : 0));
          if (order.status === "filled") expect(order.price).toBeGreaterThan(0);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("have an exposure that explains each change of the equity from close to close", () => {
    fc.assert(
      fc.property(randomCase, ({ bars, signals, settings }) => {
        const { initialCapital, commissionRate, spreadRate, slippageRate, margin, fractionalUnits, fillAt } = settings;
        // Without the cost of holding, which changes the equity too.
        const costs = { initialCapital, commissionRate, spreadRate, slippageRate, margin, fractionalUnits, fillAt };
        const run = finished(bars, signals, backtestSettings.parse({ ...costs, finalizeTrades: false }));
        const { exposure } = runDetails(bars, run, { ...context, fillAt });
        const fills = new Set<number>();
        for (let row = 0; row < run.trades.count; row++) {
          for (const bar of [run.trades.entryBar[row], run.trades.exitBar[row]]) fills.add(bar).add(bar + 1);
        }
        for (const { entryBar } of run.openLots) fills.add(entryBar).add(entryBar + 1);
        for (let bar = 1; bar < bars.rows; bar++) {
          if (fills.has(bar) || run.equity[bar] === 0) continue;
          const expected = run.equity[bar - 1] * (1 + exposure[bar - 1] * (bars.close[bar] / bars.close[bar - 1] - 1));
          expect(Math.abs(run.equity[bar] - expected)).toBeLessThanOrEqual(1e-9 * Math.abs(run.equity[bar - 1]) + 1e-6);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("orders", () => {
  const bars = randomBars(60, 3, 0.01);
  const settings = backtestSettings.parse({ finalizeTrades: false, initialCapital: 10_000 });

  it("from a script have each an outcome: filled, withdrawn, of a filled group, refused, waiting", () => {
    const strategy = defineStrategy({
      options: { pyramiding: 1 },
      onBar({ bar, buy, sell, cancel }) {
        if (bar === 2) buy({ units: 10, stopLoss: 1, takeProfit: 1e6 });
        if (bar === 4) buy({ units: 10 });
        if (bar === 6) cancel(buy({ limit: 0.5, units: 1 }));
        if (bar === 8) {
          sell({ stop: 1e7, units: 3, cancelGroup: "pair" });
          sell({ limit: 0.5, units: 4, cancelGroup: "pair" });
        }
        if (bar === 12) buy({ units: 1e9 });
        if (bar === 14) buy({ limit: 0.25, units: 2 });
      },
    });
    const { orders, refusals } = runDetails(bars, runScript(bars, strategy, settings), context);
    const told = orders.map(({ side, kind, placedBar, status, reason, filledUnits }) =>
      [side, kind, placedBar, status, reason, filledUnits].join(" "),
    );
    expect(told).toEqual(
      expect.arrayContaining([
        "buy market 2 filled signal 10",
        "buy market 4 refused pyramiding 0",
        "buy limit 6 cancelled withdrawn 0",
        "buy limit 14 waiting end_of_data 0",
      ]),
    );
    expect(told.filter((text) => / 8 /.test(text)).map((text) => text.split(" ").slice(3, 5).join(" "))).toContain(
      "cancelled group_filled",
    );
    expect(refusals.pyramiding).toBe(1);
    expect(refusals.margin).toBe(1);
  });

  it("from rules are entries and exits with the bar of their signal, and stops with that of their entry", () => {
    const spec = backtestSpec.parse({
      kind: "backtest",
      strategy: {
        kind: "rules",
        name: "cross",
        indicators: { fast: { type: "sma", period: 3 }, slow: { type: "sma", period: 8 } },
        entries: { long: "fast crosses above slow" },
        exits: { long: "fast crosses below slow" },
        stop_loss: { fraction: 0.01, from: "fill" },
      },
      data: { symbol: "TEST", timeframe: "1d" },
      settings: {},
    });
    const { result } = executeBacktest({ spec, bars: randomBars(400, 8, 0.02), dataSha256: "0".repeat(64) });
    const entries = result.orders.filter(({ side, kind }) => side === "buy" && kind === "market");
    expect(entries.map(({ endedBar }) => endedBar)).toEqual(result.trades.map(({ entryBar }) => entryBar));
    expect(entries.every(({ placedBar, endedBar }) => placedBar === endedBar - 1)).toBe(true);
    const stops = result.orders.filter(({ kind }) => kind === "stop");
    expect(stops).toHaveLength(result.trades.length);
    expect(stops.map(({ placedBar }) => placedBar)).toEqual(result.trades.map(({ entryBar }) => entryBar));
    const stopped = result.trades.filter(({ exitReason }) => exitReason === "stop_loss").length;
    expect(stopped).toBeGreaterThan(0);
    expect(stops.filter(({ status }) => status === "filled")).toHaveLength(stopped);
  });
});

describe("figures by bars", () => {
  it("annualise by the bars that the data has in a year, whatever their spacing", () => {
    const rows = 2001;
    const hourly = Float64Array.from({ length: rows }, (_, bar) => bar * 3_600_000);
    const equity = Float64Array.from({ length: rows }, (_, bar) => 1000 * 1.0001 ** bar * (bar % 2 === 0 ? 1 : 1.001));
    const figures = barStatistics(hourly, equity);
    expect(figures.barsPerYear).toBeCloseTo(24 * 365.25, 9);
    const returns = Array.from({ length: rows - 1 }, (_, bar) => equity[bar + 1] / equity[bar] - 1);
    const mean = returns.reduce((sum, value) => sum + value, 0) / returns.length;
    const deviation = Math.sqrt(returns.reduce((sum, value) => sum + (value - mean) ** 2, 0) / returns.length);
    expect(figures.sharpeRatio).toBeCloseTo((mean / deviation) * Math.sqrt(24 * 365.25), 9);
    expect(figures.volatilityPercent).toBeCloseTo(deviation * Math.sqrt(24 * 365.25) * 100, 9);
  });

  it("take the drawdown in money from the peak before it, not from the last one", () => {
    const equity = Float64Array.of(100, 200, 100, 400, 390, 500);
    const figures = barStatistics(
      Float64Array.from(equity, (_, bar) => bar * DAY_MS),
      equity,
    );
    expect(figures.maxDrawdown).toBe(100);
    expect(figures.recoveryFactor).toBe(4);
  });
});

describe("the benchmark", () => {
  const bars = randomBars(500, 17, 0.02);
  const market = prepareMarket(bars);
  const held = heldEquity(bars.close, 0, 1000) ?? new Float64Array();

  it("is the same as one who only holds it: beta and correlation 1, alpha, error and excess 0", () => {
    const compared = compareToBenchmark("TEST", held, held.slice(), market);
    expect(compared.beta).toBeCloseTo(1, 12);
    expect(compared.correlation).toBeCloseTo(1, 12);
    expect(compared.alphaPercent).toBeCloseTo(0, 9);
    expect(compared).toMatchObject({ excessReturnPercent: 0, trackingErrorPercent: 0, informationRatio: null });
  });

  it("gives the figures of a plain calculation on two lists of returns", () => {
    const equity = Float64Array.from(held, (value, bar) => 500 + value / 2 + Math.sin(bar) * 20);
    const compared = compareToBenchmark("TEST", held, equity, market);
    const returnsOf = (values: Float64Array) => Array.from(values.subarray(1), (value, bar) => value / values[bar] - 1);
    const [own, other] = [returnsOf(equity), returnsOf(held)];
    const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const covariance = (left: readonly number[], right: readonly number[]) =>
      left.reduce((sum, value, k) => sum + (value - mean(left)) * (right[k] - mean(right)), 0) / (left.length - 1);
    const beta = covariance(own, other) / covariance(other, other);
    const perYear = market.calendar.periodsPerYear;
    const difference = own.map((value, k) => value - other[k]);
    const error = Math.sqrt(covariance(difference, difference) * perYear);
    expect(compared.beta).toBeCloseTo(beta, 10);
    expect(compared.alphaPercent).toBeCloseTo((mean(own) - beta * mean(other)) * perYear * 100, 8);
    expect(compared.trackingErrorPercent).toBeCloseTo(error * 100, 9);
    expect(compared.informationRatio).toBeCloseTo((mean(difference) * perYear) / error, 9);
  });

  it("is undefined for prices that nobody can hold", () => {
    expect(heldEquity(Float64Array.of(1, 0, 1), 0, 1000)).toBeNull();
    expect(heldEquity(Float64Array.of(0, 1, 1), 0, 1000)).toBeNull();
    expect(compareToBenchmark("TEST", null, held, market).beta).toBeNull();
  });

  it("is bought at the bar that is asked for, and is cash before it", () => {
    const tested = barsBetween(bars, 0, 100);
    const equity = heldEquity(tested.close, 10, 1000);
    expect(equity?.[9]).toBe(1000);
    expect(equity?.[10]).toBeCloseTo(1000, 9);
    expect(equity?.[99]).toBeCloseTo((1000 * tested.close[99]) / tested.close[10], 9);
  });
});
