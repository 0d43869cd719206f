import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backtestSettings } from "../../../protocol/operations/index.ts";
import { allocateBars, type BarColumns } from "../../market-data/bars.ts";
import type { StrategySignals } from "../../strategy/signals.ts";
import { type RandomCase, randomCase } from "../testing/random-cases.ts";
import { Broker } from "./broker.ts";
import { runBacktest } from "./engine.ts";
import type { BrokerOptions } from "./execution.ts";
import type { OrderRequest } from "./order.ts";
import { tradeRecords } from "./trade-log.ts";
import { annualVolatility, volatilityFraction } from "./volatility.ts";

/** Trades signals with orders, as a person would write it. */
function tradeSignals({ bars, signals, settings }: RandomCase): Broker {
  const broker = new Broker(bars, settings);
  const first = signals.warmupBars + 1;
  for (let bar = 0; bar < bars.rows && !broker.isRuined; bar++) {
    if (bar < first) broker.skip(bar);
    else {
      broker.process(bar);
      if (!broker.isRuined) decide(broker, { bars, signals, settings }, bar);
    }
  }
  if (first < bars.rows) broker.finish();
  return broker;
}

/** The size that the order asks for; null where the volatility is not known yet. */
function sizeOf({ bars, signals, settings }: RandomCase, bar: number): OrderRequest | null {
  const { sizing, sizeFraction } = signals;
  if (sizing === undefined) return { size: sizeFraction };
  if (sizing.kind === "units") return { units: sizing.units };
  if (sizing.kind === "money") return { money: sizing.money };
  if (sizing.kind === "value") return { size: Math.min(1, sizing.fraction * settings.margin) };
  const size = volatilityFraction(sizing.target, annualVolatility(bars, bar, sizing.window), settings.margin);
  return Number.isNaN(size) ? null : { size };
}

function decide(broker: Broker, random: RandomCase, bar: number): void {
  const { signals } = random;
  const close = random.bars.close[bar];
  const entry = (side: 1 | -1) => {
    const level = (rule: StrategySignals["stopLoss"], direction: number): OrderRequest["stopLoss"] => {
      if (rule === null) return undefined;
      return rule.from === "fill" ? { fraction: rule.fraction } : close * (1 + direction * rule.fraction);
    };
    const [stopLoss, takeProfit] = [level(signals.stopLoss, -side), level(signals.takeProfit, side)];
    const size = sizeOf(random, bar);
    if (size !== null) broker.place(side, { ...size, stopLoss, takeProfit });
  };
  const { size } = broker;
  if (size === 0) {
    if (signals.entryLong[bar]) entry(1);
    else if (signals.entryShort[bar]) entry(-1);
    return;
  }
  const [exit, opposite] = size > 0 ? [signals.exitLong, signals.entryShort] : [signals.exitShort, signals.entryLong];
  const turns = signals.reverse && opposite[bar] === 1;
  if (exit[bar] || turns) broker.close();
  if (turns) entry(size > 0 ? -1 : 1);
}

describe("the event engine and the fast engine", () => {
  it("agree bit for bit where signals and orders say the same", () => {
    fc.assert(
      fc.property(randomCase, (random) => {
        const fast = runBacktest(random.bars, random.signals, random.settings);
        const slow = tradeSignals(random);
        const { timeMs } = random.bars;
        expect(tradeRecords(slow.trades, timeMs)).toEqual(tradeRecords(fast.trades, timeMs));
        const { count } = fast.trades;
        expect(slow.trades.holdingCost.slice(0, count)).toEqual(fast.trades.holdingCost.slice(0, count));
        expect(slow.equity).toEqual(fast.equity);
        expect(slow.warnings.liquidations).toBe(fast.warnings.find(({ code }) => code === "liquidation")?.count ?? 0);
        expect(slow.cash).toBe(fast.cash);
        expect(slow.size).toBe(fast.openPosition?.size ?? 0);
      }),
      { numRuns: 3000 },
    );
  });
});

type Prices = readonly [open: number, high: number, low: number, close: number];

function barsOf(prices: readonly Prices[], hours = 24): BarColumns {
  const bars = allocateBars(prices.length);
  for (const [bar, [open, high, low, close]] of prices.entries()) {
    bars.timeMs[bar] = bar * hours * 3_600_000;
    [bars.open[bar], bars.high[bar], bars.low[bar], bars.close[bar]] = [open, high, low, close];
  }
  return bars;
}

/** Each placement happens at the close of its bar. */
function runOrders(
  prices: readonly Prices[],
  placements: Readonly<Record<number, (broker: Broker) => void>>,
  options: BrokerOptions = {},
  hours = 24,
): Broker {
  const bars = barsOf(prices, hours);
  const settings = backtestSettings.parse({ initialCapital: 10_000, finalizeTrades: false });
  const broker = new Broker(bars, settings, options);
  for (let bar = 0; bar < bars.rows; bar++) {
    broker.process(bar);
    placements[bar]?.(broker);
  }
  return broker;
}

function closed(broker: Broker) {
  return tradeRecords(broker.trades, new Float64Array(100)).map((trade) => {
    return [trade.entryBar, trade.entryPrice, trade.exitBar, trade.exitPrice, trade.exitReason];
  });
}

const flat = (price: number): Prices => [price, price, price, price];
const opened = (broker: Broker) => broker.lots.map(({ entryBar, entryPrice }) => [entryBar, entryPrice]);

describe("an order", () => {
  it("to buy at a limit fills there, at a better open, or not at all", () => {
    const buy = { 0: (broker: Broker) => void broker.place(1, { units: 1, limit: 95 }) };
    expect(opened(runOrders([flat(100), [100, 101, 94, 99]], buy))).toEqual([[1, 95]]);
    expect(opened(runOrders([flat(100), [90, 101, 89, 99]], buy))).toEqual([[1, 90]]);
    expect(opened(runOrders([flat(100), [100, 101, 96, 99]], buy))).toEqual([]);
  });

  it("to buy at a stop fills there, or at a worse open", () => {
    const buy = { 0: (broker: Broker) => void broker.place(1, { units: 1, stop: 105 }) };
    expect(opened(runOrders([flat(100), [100, 106, 99, 99]], buy))).toEqual([[1, 105]]);
    expect(opened(runOrders([flat(100), [110, 111, 99, 99]], buy))).toEqual([[1, 110]]);
  });

  it("with stop and limit becomes a limit order when a gap passes both, and fills where the bar comes back to it", () => {
    const buy = { 0: (broker: Broker) => void broker.place(1, { units: 1, stop: 105, limit: 106 }) };
    expect(opened(runOrders([flat(100), [100, 107, 99, 99]], buy))).toEqual([[1, 105]]);
    expect(opened(runOrders([flat(100), [110, 111, 104, 108]], buy))).toEqual([[1, 106]]);
    expect(opened(runOrders([flat(100), [110, 111, 107, 108], flat(108), [107, 107, 105, 105]], buy))).toEqual([
      [3, 106],
    ]);
  });

  it("for a day ends with the day of its first bar, and one without an end goes on", () => {
    const place = (timeInForce: "day" | "gtc") => ({
      0: (broker: Broker) => void broker.place(1, { units: 1, limit: 95, timeInForce }),
    });
    const prices = [flat(100), flat(100), flat(100), flat(90)];
    expect(opened(runOrders(prices, place("day")))).toEqual([]);
    expect(opened(runOrders(prices, place("gtc")))).toEqual([[3, 90]]);
    expect(opened(runOrders(prices, place("day"), {}, 1))).toEqual([[3, 90]]);
  });

  it("in a group cancels the others when it fills", () => {
    const broker = runOrders([flat(100), [100, 106, 99, 100], flat(90)], {
      0: (account) => {
        account.place(1, { units: 1, stop: 105, cancelGroup: "breakout" });
        account.place(-1, { units: 1, stop: 95, cancelGroup: "breakout" });
      },
    });
    expect(broker.size).toBe(1);
    expect(broker.orders).toEqual([]);
  });

  it("never fills after it was cancelled, also when it had become a limit order", () => {
    let order: ReturnType<Broker["place"]> | undefined;
    const broker = runOrders([flat(100), [110, 111, 109, 110], flat(100)], {
      0: (account) => {
        order = account.place(1, { units: 1, stop: 105, limit: 106 });
      },
      1: (account) => expect(order !== undefined && account.cancel(order)).toBe(true),
    });
    expect(broker.size).toBe(0);
  });

  it("beyond what the account carries is refused and counted, and nonsense is an error", () => {
    const broker = runOrders([flat(100), flat(100)], { 0: (account) => void account.place(1, { units: 101 }) });
    expect(broker.size).toBe(0);
    expect(broker.warnings.refusedOrders).toBe(1);
    expect(() => broker.place(1, { units: Number.NaN })).toThrow(/units NaN/);
    expect(() => broker.place(1, { size: 2 })).toThrow(/above the whole/);
    expect(() => broker.close(2)).toThrow(/no part of a position/);
  });
});

describe("a position", () => {
  const buy = (request: OrderRequest) => ({ 0: (broker: Broker) => void broker.place(1, { units: 10, ...request }) });

  it("with a bracket takes the stop when a bar reaches both levels, and counts the bar", () => {
    const broker = runOrders([flat(100), flat(100), [100, 120, 80, 100]], buy({ stopLoss: 90, takeProfit: 110 }));
    expect(closed(broker)).toEqual([[1, 100, 2, 90, "stop_loss"]]);
    expect(broker.warnings.ambiguousBars).toBe(1);
  });

  it("leaves at the open when a gap passes its stop", () => {
    const broker = runOrders([flat(100), flat(100), [70, 75, 60, 70]], buy({ stopLoss: 90 }));
    expect(closed(broker)).toEqual([[1, 100, 2, 70, "stop_loss"]]);
  });

  it("opened within a bar meets its stop on it, but not its target", () => {
    const bracket = { limit: 95, stopLoss: 90, takeProfit: 99 };
    expect(closed(runOrders([flat(100), [100, 100, 85, 99]], buy(bracket)))).toEqual([[1, 95, 1, 90, "stop_loss"]]);
    const kept = runOrders([flat(100), [98, 99, 94, 98], [98, 100, 98, 98]], buy(bracket));
    expect(closed(kept)).toEqual([[1, 95, 2, 99, "take_profit"]]);
  });

  it("trails its stop behind the best price of past bars, never back", () => {
    const prices = [flat(100), [100, 110, 99.5, 109], [109, 120, 108.5, 118], [118, 118, 105, 106]] as const;
    const broker = runOrders(prices, buy({ trailingStop: 0.1 }));
    expect(closed(broker)).toEqual([[1, 100, 3, 108, "trailing_stop"]]);
  });

  it("ends at an open after its number of bars", () => {
    const broker = runOrders([flat(100), flat(100), flat(101), flat(102), flat(103)], buy({ maxBars: 2 }));
    expect(closed(broker)).toEqual([[1, 100, 3, 102, "time_stop"]]);
  });

  it("is left in parts, oldest entry first, and every part carries its share of the commission", () => {
    const bars = barsOf([flat(100), flat(100), flat(110), flat(120), flat(120)]);
    const settings = backtestSettings.parse({ initialCapital: 10_000, commissionRate: 0.01, finalizeTrades: false });
    const broker = new Broker(bars, settings);
    const steps = [
      () => broker.place(1, { units: 10 }),
      () => broker.place(1, { units: 10 }),
      () => broker.place(-1, { units: 15 }),
      () => broker.close(),
    ];
    for (let bar = 0; bar < bars.rows; bar++) {
      broker.process(bar);
      steps[bar]?.();
    }
    expect(tradeRecords(broker.trades, bars.timeMs).map(({ size, entryPrice }) => [size, entryPrice])).toEqual([
      [10, 100],
      [5, 110],
      [5, 110],
    ]);
    const profits = broker.trades.pnl.subarray(0, 3).reduce((sum, profit) => sum + profit, 0);
    expect(broker.cash).toBeCloseTo(10_000 + profits, 9);
    expect(profits).toBeCloseTo(200 + 100 - 0.01 * (1000 + 1100 + 2400), 9);
  });

  it("is closed by an order against it, and turned around where that is wanted", () => {
    const turn = { ...buy({}), 1: (broker: Broker) => void broker.place(-1, { size: 0.5 }) };
    const prices = [flat(100), flat(100), flat(100)];
    expect(runOrders(prices, turn, { reversal: false }).size).toBe(0);
    expect(runOrders(prices, turn).size).toBe(-50);
  });

  it("has no more entries than the limit allows", () => {
    const add = (broker: Broker) => void broker.place(1, { units: 1 });
    const broker = runOrders([flat(1), flat(1), flat(1), flat(1)], { 0: add, 1: add, 2: add }, { pyramiding: 2 });
    expect(broker.size).toBe(2);
    expect(broker.warnings.refusedOrders).toBe(1);
  });
});
