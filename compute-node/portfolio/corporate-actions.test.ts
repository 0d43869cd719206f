import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { DAY_MS } from "../../protocol/durations.ts";
import { backtestSettings } from "../../protocol/operations/index.ts";
import { Problem } from "../../protocol/problem.ts";
import { ruleStrategy } from "../../protocol/strategy-rules.ts";
import { randomBars } from "../backtest/testing/random-cases.ts";
import { allocateBars, type BarColumns, parseCsv } from "../market-data/index.ts";
import { compileRules, type StrategySignals } from "../strategy/index.ts";
import { adjusted, signalsOver } from "./adjusted-signals.ts";
import { parseCorporateActions, placeActions } from "./corporate-actions.ts";
import { runPortfolio } from "./engine.ts";
import type { BarAction, PortfolioPlan } from "./portfolio-model.ts";

const DATA = new URL("../../../shared/data/", import.meta.url);
const ALONE: PortfolioPlan = { maxPositions: 1, weight: 1, maxWeight: 1, rankOrder: "descending", rebalance: null };

describe("a corporate-actions file", () => {
  it("holds a row an action, for one symbol or several", () => {
    const text = "date,symbol,action,value\n2020-08-31,AAPL,split,4\n2020-08-07,AAPL,Dividend,0.82\n\n";
    expect(parseCorporateActions(text, "actions.csv", null)).toEqual([
      { symbol: "AAPL", exMs: Date.UTC(2020, 7, 31), action: "split", ratio: 4 },
      { symbol: "AAPL", exMs: Date.UTC(2020, 7, 7), action: "dividend", amount: 0.82 },
    ]);
  });

  it("may hold factors by the last day on which they apply", () => {
    // Apple's rows around its split of 7 for 1 (2014-06-09) and its dividend of 0.47 (2014-08-07).
    const text =
      "last_date_factor_applies,price_factor,split_factor,reference_close\n2014-06-06,0.9011818,0.03571430,645.57\n2014-08-06,0.9011818,0.25,94.97\n2014-11-05,0.9056639,0.25,108.86\n";
    const [split, dividend] = parseCorporateActions(text, "AAPL.csv", "AAPL");
    expect(split).toEqual({ symbol: "AAPL", exMs: Date.UTC(2014, 5, 7), action: "split", ratio: 7 });
    expect(dividend).toMatchObject({ exMs: Date.UTC(2014, 7, 7), action: "dividend" });
    expect(dividend).toHaveProperty("amount", expect.closeTo(0.47, 4));
  });

  it.each([
    ["date,action,value\n2020-08-31,merger,4\n", /actions\.csv:2: .*no corporate action/],
    ["date,action,value\n2020-08-31,split,-4\n", /actions\.csv:2: .*no corporate action/],
    ["date,action,value\n2020-08-31,split,four\n", /actions\.csv:2: value is "four"/],
    ["date,action,value\n31.08.2020,split,4\n", /actions\.csv:2: date is "31\.08\.2020"/],
    ["time,price\n1,2\n", /no corporate actions/],
    ["", /no corporate actions/],
  ])("that is none is an error with file and line: %j", (text, message) => {
    const parse = () => parseCorporateActions(text, "actions.csv", "AAPL");
    expect(parse).toThrow(Problem);
    expect(parse).toThrow(message);
  });

  it("needs to say whose actions they are", () => {
    const parse = () => parseCorporateActions("date,action,value\n2020-08-31,split,4\n", "actions.csv", null);
    expect(parse).toThrow(/does not say whose/);
  });
});

describe("actions on bars", () => {
  it("stand at the first bar at or after their day, several together, and those outside are counted", () => {
    const bars = randomBars(5, 1, 0.01);
    const at = (day: number) => bars.timeMs[0] + day * DAY_MS - DAY_MS / 2;
    const actions = [
      { symbol: "A", exMs: at(0), action: "split", ratio: 2 },
      { symbol: "A", exMs: at(3), action: "dividend", amount: 1 },
      { symbol: "A", exMs: at(3), action: "split", ratio: 2 },
      { symbol: "A", exMs: at(9), action: "split", ratio: 2 },
    ] as const;
    expect(placeActions(actions, bars)).toEqual({ actions: [{ bar: 3, split: 2, dividend: 1 }], outside: 2 });
  });
});

describe("a dividend above the price", () => {
  it("is an error that names both", () => {
    const bars = pricesOf([10, 10, 10]);
    const place = () => placeActions([{ symbol: "A", exMs: DAY_MS, action: "dividend", amount: 12 }], bars);
    expect(place).toThrow(/A pays 12 on 1970-01-02, and its last price before is 10/);
  });
});

describe("a split", () => {
  const bars = pricesOf([100, 100, 100, 50, 55, 55]);
  const actions: BarAction[] = [{ bar: 3, split: 2, dividend: 0 }];

  it("changes units and prices held, and not the equity", () => {
    const signals = signalsAt(6, { entryLong: [0, 1, 0, 0, 0, 0] });
    const settings = backtestSettings.parse({ initialCapital: 1000, finalizeTrades: false });
    const run = runPortfolio([{ symbol: "A", bars, signals, actions, rates: null }], ALONE, settings);
    expect(Array.from(run.equity)).toEqual([1000, 1000, 1000, 1000, 1100, 1100]);
    expect(run.open).toMatchObject([{ size: 20, entryPrice: 50 }]);
  });

  it("moves a stop with it, so that the gap of the price does not touch it", () => {
    const stop = { fraction: 0.1, from: "signal_close" as const };
    const signals = { ...signalsAt(6, { entryLong: [0, 1, 0, 0, 0, 0] }), stopLoss: stop };
    const settings = backtestSettings.parse({ initialCapital: 1000, finalizeTrades: false });
    const run = runPortfolio([{ symbol: "A", bars, signals, actions, rates: null }], ALONE, settings);
    expect(run.trades).toEqual([]);
  });

  it("does not look like a fall of the price to a rule, before or after it", () => {
    const rules = compileRules(strategyOf("close < 0.9 * close[1]"));
    expect(Array.from(signalsOver(rules, bars, actions, "splits").entryLong)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(Array.from(signalsOver(rules, bars, actions, "none").entryLong)).toEqual([0, 0, 0, 1, 0, 0]);
  });

  it("leaves a rule about a price the price that was there", () => {
    const rules = compileRules(strategyOf("close[1] > 90"));
    // At bar 3 the bar before it is seen in the new units: 50.
    expect(Array.from(signalsOver(rules, bars, actions, "splits").entryLong)).toEqual([0, 0, 1, 0, 0, 0]);
  });

  it("changes no signal before it, whatever comes after", () => {
    const long = randomBars(300, 5, 0.03);
    const rules = compileRules(strategyOf("close > 1.01 * close[1] and close > 90"));
    const splits = [50, 120, 250].map((bar) => ({ bar, split: 2, dividend: 0.5 }));
    const whole = signalsOver(rules, long, splits, "splits_and_dividends");
    for (const count of [0, 1, 2]) {
      const seen = signalsOver(rules, long, splits.slice(0, count), "splits_and_dividends");
      const end = splits[count].bar;
      expect(whole.entryLong.subarray(0, end)).toEqual(seen.entryLong.subarray(0, end));
    }
  });
});

describe("a dividend", () => {
  const bars = pricesOf([100, 100, 100, 98, 98]);
  const actions: BarAction[] = [{ bar: 3, split: 1, dividend: 2 }];
  const settings = backtestSettings.parse({ initialCapital: 1000, finalizeTrades: false });

  it("pays a long position that was held over the night before it", () => {
    const signals = signalsAt(5, { entryLong: [0, 1, 0, 0, 0] });
    const run = runPortfolio([{ symbol: "A", bars, signals, actions, rates: null }], ALONE, settings);
    expect(Array.from(run.equity)).toEqual([1000, 1000, 1000, 1000, 1000]);
  });

  it("costs a short one", () => {
    const signals = signalsAt(5, { entryShort: [0, 1, 0, 0, 0], exitShort: [0, 0, 0, 1, 0] });
    const run = runPortfolio([{ symbol: "A", bars, signals, actions, rates: null }], ALONE, settings);
    expect(run.trades).toMatchObject([{ size: -10, pnl: 0, dividends: -20 }]);
  });

  it("is not paid to a buyer at the open of its day", () => {
    const signals = signalsAt(5, { entryLong: [0, 0, 1, 0, 0] });
    const run = runPortfolio([{ symbol: "A", bars, signals, actions, rates: null }], ALONE, settings);
    expect(run.equity[4]).toBe(1000);
  });
});

describe.skipIf(!existsSync(new URL("AAPL_1d_raw.csv", DATA)))(
  "Apple from 1998 to 2021 (skipped without ../shared/data)",
  () => {
    // The body of a skipped block is evaluated all the same.
    const read = (name: string) => (existsSync(new URL(name, DATA)) ? readFileSync(new URL(name, DATA)) : null);
    const prices = read("AAPL_1d_raw.csv");
    const bars = prices === null ? allocateBars(0) : parseCsv(prices, "AAPL_1d_raw.csv").bars;
    const text = read("AAPL_corporate_actions.csv")?.toString("utf8") ?? "date,action,value";
    const { actions } = placeActions(parseCorporateActions(text, "AAPL_corporate_actions.csv", "AAPL"), bars);
    const settings = backtestSettings.parse({ fractionalUnits: true, finalizeTrades: false });
    const signals = signalsAt(Math.max(2, bars.rows), { entryLong: [0, 1] });
    const returnOf = (of: BarColumns, with_: readonly BarAction[], plan = ALONE) => {
      const { equity } = runPortfolio(
        [{ symbol: "AAPL", bars: of, signals, actions: with_, rates: null }],
        plan,
        settings,
      );
      return equity[equity.length - 1] / settings.initialCapital;
    };

    it("returns the same on raw prices with its splits as on adjusted ones, to rounding", () => {
      const splits = actions.map((action) => ({ ...action, dividend: 0 })).filter(({ split }) => split !== 1);
      expect(splits.map(({ split }) => split)).toEqual([2, 2, 7, 4]);
      const onAdjusted = returnOf(adjusted(bars, actions, "splits"), []);
      expect(returnOf(bars, splits) / onAdjusted).toBeCloseTo(1, 12);
    });

    it("returns less with dividends as cash than on adjusted prices, by what reinvesting them would have made", () => {
      const onAdjusted = returnOf(adjusted(bars, actions, "splits_and_dividends"), []);
      const inCash = returnOf(bars, actions);
      expect(inCash).toBeLessThan(onAdjusted);
      // Each dividend as adjusted prices take it: reinvested at the close before its day, until the end.
      const total = adjusted(bars, actions, "splits_and_dividends").close;
      const last = total[bars.rows - 1];
      const entry = bars.open[2];
      let units = 1 / entry;
      let missed = 0;
      for (const { bar, split, dividend } of actions) {
        units *= split;
        missed += units * dividend * (last / total[bar - 1] - 1);
      }
      const firstFactor = total[1] / bars.close[1] / (adjusted(bars, actions, "splits").close[1] / bars.close[1]);
      expect(firstFactor).toBeCloseTo(0.8613657, 4);
      // The dividends' own dividends are in `missed` through the adjusted prices; the rest is rounding of factors.
      expect((inCash + missed) / onAdjusted).toBeCloseTo(1, 3);
    });

    it("returns nearly the same when dividends are put back at the next open", () => {
      const rebalance = { every: 1, weights: "equal", volatility_bars: 20, select: "held", band: 0 } as const;
      const onAdjusted = returnOf(adjusted(bars, actions, "splits_and_dividends"), []);
      const reinvested = returnOf(bars, actions, { ...ALONE, rebalance });
      // Adjusted prices reinvest at the close before the day, the portfolio at the open after it: a day's move on each dividend.
      expect(reinvested / onAdjusted).toBeCloseTo(1, 2);
    });
  },
);

function pricesOf(prices: readonly number[]): BarColumns {
  const bars = allocateBars(prices.length);
  for (const [bar, price] of prices.entries()) {
    bars.timeMs[bar] = bar * DAY_MS;
    for (const column of [bars.open, bars.high, bars.low, bars.close]) column[bar] = price;
  }
  return bars;
}

function signalsAt(
  rows: number,
  flags: Partial<Record<"entryLong" | "entryShort" | "exitLong" | "exitShort", readonly number[]>>,
): StrategySignals {
  const column = (values: readonly number[] = []) => {
    const result = new Uint8Array(rows);
    result.set(values);
    return result;
  };
  return {
    warmupBars: 0,
    entryLong: column(flags.entryLong),
    entryShort: column(flags.entryShort),
    exitLong: column(flags.exitLong),
    exitShort: column(flags.exitShort),
    reverse: false,
    sizeFraction: 1,
    stopLoss: null,
    takeProfit: null,
  };
}

function strategyOf(long: string) {
  return ruleStrategy.parse({ kind: "rules", name: "test", entries: { long } });
}
