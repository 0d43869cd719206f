/**
 * A bar is made from a path of single steps on a grid, and the path itself says what happened to an order and its
 * levels. The broker sees only the bar: where it does not count the bar as ambiguous it must say the same as the path,
 * and where it does it must leave no more than the path.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backtestSettings } from "../../../protocol/operations/index.ts";
import { allocateBars, type BarColumns } from "../../market-data/bars.ts";
import { Broker } from "./broker.ts";
import type { OrderRequest } from "./order.ts";

const OPEN_AT = 100;

/** Prices one step apart, from the open to the close. */
const randomPath = fc.array(fc.integer({ min: -6, max: 6 }), { minLength: 1, maxLength: 6 }).map((moves) => {
  const prices = [OPEN_AT];
  for (const move of moves) {
    for (let step = 0; step < Math.abs(move); step++) prices.push(prices[prices.length - 1] + Math.sign(move));
  }
  return prices;
});

const distance = fc.integer({ min: 1, max: 5 });
const maybe = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined });

interface Bracket {
  readonly side: 1 | -1;
  readonly limit: number | undefined;
  readonly stop: number | undefined;
  readonly stopLoss: number | undefined;
  readonly takeProfit: number | undefined;
}

/** Levels stand on their own sides of the price at which the order can fill. */
const randomBracket: fc.Arbitrary<Bracket> = fc
  .record({
    side: fc.constantFrom(1 as const, -1 as const),
    limit: maybe(fc.integer({ min: 95, max: 105 })),
    stop: maybe(fc.integer({ min: 95, max: 105 })),
    lossAt: maybe(distance),
    winAt: maybe(distance),
  })
  .map(({ side, limit, stop, lossAt, winAt }) => {
    const around = [limit, stop, OPEN_AT].filter((price) => price !== undefined);
    const [worst, best] =
      side === 1 ? [Math.min(...around), Math.max(...around)] : [Math.max(...around), Math.min(...around)];
    const stopLoss = lossAt === undefined ? undefined : worst - side * lossAt;
    return { side, limit, stop, stopLoss, takeProfit: winAt === undefined ? undefined : best + side * winAt };
  });

/** Profit at the path's end of one unit, as it happened: an exit, or the mark of what is still held. */
function profitOnPath({ side, limit, stop, stopLoss, takeProfit }: Bracket, path: readonly number[]): number {
  const isAtOrBeyond = (price: number, level: number | undefined, way: number) =>
    level !== undefined && way * (price - level) >= 0;
  let entry: number | null = null;
  let isTriggered = stop === undefined;
  for (const price of path) {
    if (!isTriggered && isAtOrBeyond(price, stop, side)) isTriggered = true;
    if (entry === null && isTriggered && (limit === undefined || isAtOrBeyond(price, limit, -side))) entry = price;
    if (entry === null) continue;
    const isOut = isAtOrBeyond(price, stopLoss, -side) || isAtOrBeyond(price, takeProfit, side);
    if (isOut) return side * (price - entry) + 0;
  }
  return entry === null ? 0 : side * (path[path.length - 1] - entry) + 0;
}

/** One flat bar, on which the order is placed, and the bar of the path. */
function barsOf(path: readonly number[]): BarColumns {
  const bars = allocateBars(2);
  for (const column of [bars.open, bars.high, bars.low, bars.close]) column[0] = OPEN_AT;
  bars.timeMs[1] = 1;
  bars.open[1] = OPEN_AT;
  bars.high[1] = Math.max(...path);
  bars.low[1] = Math.min(...path);
  bars.close[1] = path[path.length - 1];
  return bars;
}

function requestOf({ limit, stop, stopLoss, takeProfit }: Bracket): OrderRequest {
  return Object.fromEntries(
    Object.entries({ units: 1, limit, stop, stopLoss, takeProfit }).filter(([, value]) => value !== undefined),
  );
}

const CAPITAL = 1000;
const settings = backtestSettings.parse({ initialCapital: CAPITAL, finalizeTrades: false });

describe("one bar", () => {
  it("gives a single order with its stop and target what happened, or counts as ambiguous and gives no more", () => {
    let proved = 0;
    fc.assert(
      fc.property(randomBracket, randomPath, (bracket, path) => {
        const broker = new Broker(barsOf(path), settings);
        broker.process(0);
        broker.place(bracket.side, requestOf(bracket));
        broker.process(1);
        const profit = broker.valueAt(path[path.length - 1]) - CAPITAL;
        const happened = profitOnPath(bracket, path);
        expect(profit).toBeLessThanOrEqual(happened);
        if (broker.warnings.ambiguousBars > 0) return;
        expect(profit).toBe(happened);
        proved++;
      }),
      { numRuns: 20_000 },
    );
    expect(proved).toBeGreaterThan(10_000);
  });

  it("gives two orders of a group, a stop and a limit, what it gives the stop and target of the position", () => {
    const levels = fc.record({ side: fc.constantFrom(1 as const, -1 as const), loss: distance, win: distance });
    fc.assert(
      fc.property(levels, randomPath, fc.boolean(), ({ side, loss, win }, path, stopFirst) => {
        const [stop, limit] = [OPEN_AT - side * loss, OPEN_AT + side * win];
        const out = side === 1 ? -1 : 1;
        const bars = barsOf(path);
        const held = (protect: (broker: Broker) => void, request: OrderRequest) => {
          const whole = allocateBars(3);
          for (const name of ["open", "high", "low", "close"] as const) {
            whole[name].set([OPEN_AT, OPEN_AT, bars[name][1]]);
          }
          whole.timeMs.set([0, 1, 2]);
          const broker = new Broker(whole, settings);
          broker.process(0);
          broker.place(side, { units: 1, ...request });
          broker.process(1);
          protect(broker);
          broker.process(2);
          return [broker.valueAt(path[path.length - 1]), broker.size, broker.warnings.ambiguousBars];
        };
        const orders: OrderRequest[] = [
          { units: 1, stop, cancelGroup: "exit" },
          { units: 1, limit, cancelGroup: "exit" },
        ];
        const asOrders = held((broker) => {
          for (const request of stopFirst ? orders : orders.toReversed()) broker.place(out, request);
        }, {});
        expect(asOrders).toEqual(held(() => undefined, { stopLoss: stop, takeProfit: limit }));
      }),
      { numRuns: 5000 },
    );
  });
});

describe("a trailing stop", () => {
  const trailed = (path: readonly number[], trailingStop: number, side: 1 | -1) => {
    const broker = new Broker(barsOf(path), settings);
    broker.process(0);
    broker.place(side, { units: 1, trailingStop });
    broker.process(1);
    return { profit: broker.valueAt(path[path.length - 1]) - CAPITAL, size: broker.size, broker };
  };
  const shape = fc.record({
    first: fc.integer({ min: 0, max: 20 }),
    second: fc.integer({ min: 0, max: 20 }),
    close: fc.integer({ min: 0, max: 20 }),
    trailingStop: fc.constantFrom(0.03125, 0.0625, 0.125),
    side: fc.constantFrom(1 as const, -1 as const),
  });

  it("follows the bar's way to its far end, and is left where the close lies behind it", () => {
    fc.assert(
      fc.property(shape, ({ first, second, close, trailingStop, side }) => {
        const [best, worst] = [OPEN_AT + side * first, OPEN_AT - side * second];
        const end = Math.max(Math.min(OPEN_AT - 10 + close, Math.max(best, worst)), Math.min(best, worst));
        const path = [OPEN_AT, best, worst, end];
        const started = OPEN_AT * (1 - side * trailingStop);
        const followed = best * (1 - side * trailingStop);
        const { profit, size, broker } = trailed(path, trailingStop, side);
        // Where the open is the worst price, the bar comes back to it only in its close.
        const isReached = (level: number) => worst !== OPEN_AT && side * (worst - level) <= 0;
        if (isReached(started)) expect(profit).toBeCloseTo(side * (started - OPEN_AT), 9);
        else if (side * (end - followed) <= 0) {
          expect(profit).toBeCloseTo(side * (followed - OPEN_AT), 9);
          expect(broker.warnings.ambiguousBars).toBe(0);
        } else if (isReached(followed)) {
          expect(profit).toBeCloseTo(side * (followed - OPEN_AT), 9);
          expect(broker.warnings.ambiguousBars).toBe(1);
        } else {
          expect(profit).toBe(side * (end - OPEN_AT) + 0);
          expect(size).toBe(side);
          expect(broker.lots[0].stop).toBeCloseTo(followed, 9);
        }
      }),
      { numRuns: 5000 },
    );
  });
});
