import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DAY_MS } from "../../protocol/durations.ts";
import { type PortfolioSpec, portfolioSpec } from "../../protocol/operations/index.ts";
import { Problem } from "../../protocol/problem.ts";
import { wire } from "../../protocol/wire.ts";
import { decodePortfolioResult, isPortfolioResult, portfolioResult } from "../../results/index.ts";
import { executeBacktest } from "../backtest/index.ts";
import { randomBars } from "../backtest/testing/random-cases.ts";
import { type BarColumns, barsBetween } from "../market-data/index.ts";
import { ratesFor } from "./conversion.ts";
import { executePortfolio } from "./index.ts";

const STRATEGY = {
  kind: "rules",
  name: "mean",
  indicators: { mean: { type: "sma", period: 10 } },
  entries: { long: "close > mean" },
  exits: { long: "close < mean" },
  portfolio: { max_positions: 2, rank_by: "close / mean" },
};

function specOf(symbols: readonly string[], more: object = {}): PortfolioSpec {
  const data = symbols.map((symbol) => ({ symbol, timeframe: "1d" }));
  return portfolioSpec.parse({ kind: "portfolio", strategy: STRATEGY, data, ...more });
}

function datasetsOf(count: number) {
  return Array.from({ length: count }, (_, index) => ({
    bars: randomBars(300, index + 1, 0.02),
    sha256: String(index).repeat(64).slice(0, 64),
  }));
}

describe("a portfolio backtest", () => {
  it("hands back the same bytes whatever the order of its symbols, and they decode to the result", () => {
    const datasets = datasetsOf(3);
    const one = executePortfolio({ spec: specOf(["A", "B", "C"]), datasets });
    const other = executePortfolio({
      spec: specOf(["C", "A", "B"]),
      datasets: [datasets[2], datasets[0], datasets[1]],
    });
    expect(other.sha256).toBe(one.sha256);
    expect(isPortfolioResult(one.bytes)).toBe(true);
    expect(decodePortfolioResult(one.bytes)).toEqual(one.result);
    expect(one.result.trades.length).toBeGreaterThan(10);
    const document = wire(portfolioResult).encode(one.result);
    expect(wire(portfolioResult).parse(document, "result")).toEqual(one.result);
  });

  it("adds up: contributions are the return, and no moment holds more than it may", () => {
    const { result } = executePortfolio({ spec: specOf(["A", "B", "C"]), datasets: datasetsOf(3) });
    const sum = result.symbols.reduce((total, { contributionPercent }) => total + contributionPercent, 0);
    expect(sum).toBeCloseTo(Number(result.statistics.returnPercent), 8);
    expect(Math.max(...result.positions)).toBe(2);
    expect(result.refusals.maxPositions).toBeGreaterThan(0);
    const trades = result.symbols.reduce((total, { tradeCount }) => total + tradeCount, 0);
    expect(trades).toBe(result.trades.length);
  });

  it("with one symbol has the equity and the trades of the single backtest", () => {
    const [{ bars, sha256 }] = datasetsOf(1);
    const { portfolio: _shared, ...strategy } = STRATEGY;
    const spec = portfolioSpec.parse({ kind: "portfolio", strategy, data: [{ symbol: "A", timeframe: "1d" }] });
    const { result } = executePortfolio({ spec, datasets: [{ bars, sha256 }] });
    const { result: single } = executeBacktest({
      spec: { kind: "backtest", strategy: spec.strategy, parameters: {}, data: spec.data[0], settings: spec.settings },
      bars,
      dataSha256: sha256,
    });
    expect(result.equity).toEqual(single.equity);
    expect(result.trades.map(({ pnl }) => pnl)).toEqual(single.trades.map(({ pnl }) => pnl));
    expect(result.statistics.sharpeRatio).toBe(single.statistics.sharpeRatio);
    expect(result.statistics.maxDrawdownPercent).toBe(single.statistics.maxDrawdownPercent);
    expect(result.symbols[0].heldPercent).not.toBeNull();
  });

  it.each([
    [{ data: [data("A"), data("A")] }, /A is asked for twice/],
    [{ data: [data("A"), { symbol: "B", timeframe: "1h" }] }, /B has 1h bars and A 1d ones/],
    [{ actions: [{ symbol: "Z", exMs: 0, action: "split", ratio: 2 }] }, /Z is not among the symbols/],
    [{ currencies: [{ symbol: "A", currency: "EUR" }] }, /A is quoted in EUR, and nothing converts that to USD/],
    [{ settings: { shortBorrowRate: 0.01 } }, /does not know the setting shortBorrowRate/],
  ])("that does not fit together is an error that says what: %j", (more, message) => {
    const run = () => executePortfolio({ spec: specOf(["A", "B"], more), datasets: datasetsOf(2) });
    expect(run).toThrow(Problem);
    expect(run).toThrow(message);
  });

  it("buys at prices below zero and nothing at zero, and every figure is a number or warned of as undefined", () => {
    const bars = randomBars(60, 1, 0.02);
    const low = (price: number) => ({
      ...bars,
      open: constant(bars, price),
      high: constant(bars, price),
      low: constant(bars, price),
      close: constant(bars, price),
    });
    const strategy = { kind: "rules", name: "always", entries: { long: "close < 1", short: "close > 1" } };
    for (const price of [0, -5]) {
      const datasets = [low(price), low(price)].map((of) => ({ bars: of, sha256: "0".repeat(64) }));
      const { result } = executePortfolio({ spec: specOf(["A", "B"], { strategy }), datasets });
      // Two slots of 50,000 pay for 10,000 units each, at a price of the size of 5.
      expect(result.trades.map(({ size, pnl }) => [size, pnl])).toEqual(
        price === 0
          ? []
          : [
              [10_000, 0],
              [10_000, 0],
            ],
      );
      expect(result.refusals.noSize > 0).toBe(price === 0);
      expect(result.equity.every((money) => money === 100_000)).toBe(true);
      expect(wire(portfolioResult).parse(wire(portfolioResult).encode(result), "result")).toEqual(result);
    }
  });

  it("says of entries that the account did not carry what they cost and what was free", () => {
    const bars = randomBars(60, 1, 0);
    const datasets = [bars, bars].map((of) => ({ bars: of, sha256: "0".repeat(64) }));
    const messageOf = (initialCapital: number, weight: number) => {
      const strategy = { kind: "rules", name: "always", entries: { long: "close > 1" }, portfolio: { weight } };
      const spec = specOf(["A", "B"], { strategy, settings: { initialCapital } });
      return executePortfolio({ spec, datasets }).result.warnings.map(({ message }) => message);
    };
    // At 100 a unit: the first symbol takes all of 1,000, and the second wants ten units too.
    expect(messageOf(1000, 1)).toContainEqual(
      expect.stringContaining("The first time, in B, 10 units cost 1,000 and 0 are free."),
    );
    // Half of 150 is below one unit.
    expect(messageOf(150, 0.5)).toContainEqual(
      expect.stringContaining("The first time, in A, 1 unit costs 100 and 75 are free."),
    );
  });

  it("pays a symbol in another currency at the rates of the moments", () => {
    const [{ bars }] = datasetsOf(1);
    const flat = {
      ...bars,
      open: constant(bars, 100),
      high: constant(bars, 100),
      low: constant(bars, 100),
      close: constant(bars, 100),
    };
    const rates = { ...flat, open: bars.open, high: bars.high, low: bars.low, close: bars.close };
    const strategy = { kind: "rules", name: "hold", entries: { long: "close > 0" } };
    const spec = portfolioSpec.parse({
      kind: "portfolio",
      strategy,
      data: [data("SAP")],
      currencies: [{ symbol: "SAP", currency: "EUR" }],
      conversions: [{ currency: "EUR", data: data("EURUSD") }],
      settings: { fractionalUnits: true, finalizeTrades: false },
    });
    const datasets = [flat, rates].map((of) => ({ bars: of, sha256: "0".repeat(64) }));
    const { result } = executePortfolio({ spec, datasets });
    expect(result.equity[299] / 100_000).toBeCloseTo(bars.close[299] / bars.open[2], 10);
  });
});

describe("rates", () => {
  const bars = barsBetween(randomBars(10, 1, 0.01), 2, 10);
  const rates = randomBars(10, 7, 0.01);
  const series = { name: "EURUSD 1d", bars: rates, barMs: DAY_MS, isInverse: false };

  it("are those of the same bar's open and close", () => {
    const { open, close } = ratesFor("SAP", bars, DAY_MS, series);
    expect(Array.from(open)).toEqual(Array.from(rates.open.subarray(2)));
    expect(Array.from(close)).toEqual(Array.from(rates.close.subarray(2)));
    const inverse = ratesFor("SAP", bars, DAY_MS, { ...series, isInverse: true });
    expect(inverse.open[0]).toBe(1 / rates.open[2]);
  });

  it("at a bar do not depend on later ones", () => {
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 9 }), fc.constantFrom(DAY_MS, DAY_MS / 24, 7 * DAY_MS), (rows, barMs) => {
        const cut = { ...series, barMs, bars: barsBetween(rates, 0, rows) };
        const seen = barsBetween(bars, 0, rows - 2);
        const all = ratesFor("SAP", bars, DAY_MS, { ...series, barMs });
        expect(ratesFor("SAP", seen, DAY_MS, cut).close).toEqual(all.close.slice(0, rows - 2));
      }),
    );
  });

  it("are an error that names the day when they are missing or old", () => {
    const late = { ...series, bars: barsBetween(rates, 5, 10) };
    expect(() => ratesFor("SAP", bars, DAY_MS, late)).toThrow(/EURUSD 1d has no rate for SAP on 2020-01-03/);
    const long = randomBars(40, 1, 0.01);
    expect(() => ratesFor("SAP", long, DAY_MS, series)).toThrow(
      /no rate for SAP on 2020-01-22.*newest before is of 2020-01-10/,
    );
    expect(() => ratesFor("SAP", bars, DAY_MS, { ...series, bars: barsBetween(rates, 0, 0) })).toThrow(/has no bars/);
  });
});

function data(symbol: string) {
  return { symbol, timeframe: "1d" };
}

function constant(bars: BarColumns, price: number): Float64Array {
  return new Float64Array(bars.rows).fill(price);
}
