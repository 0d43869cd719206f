/** The money and the units of orders that concern several entries at once. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DAY_MS } from "../../../protocol/durations.ts";
import { type BacktestSettings, backtestSettings } from "../../../protocol/operations/index.ts";
import { allocateBars, type BarColumns } from "../../market-data/bars.ts";
import { Broker, type BrokerOptions } from "../index.ts";
import { tradeRecords } from "./trade-log.ts";

function flatBars(rows: number, days: readonly number[] = []): BarColumns {
  const bars = allocateBars(rows);
  for (const column of [bars.open, bars.high, bars.low, bars.close]) column.fill(100);
  for (let bar = 0; bar < rows; bar++) bars.timeMs[bar] = (days[bar] ?? bar) * DAY_MS;
  return bars;
}

type Steps = Readonly<Record<number, (broker: Broker) => void>>;

function run(
  settings: Partial<BacktestSettings>,
  steps: Steps,
  bars = flatBars(8),
  options: BrokerOptions = {},
): Broker {
  const broker = new Broker(bars, backtestSettings.parse(settings), options);
  for (let bar = 0; bar < bars.rows; bar++) {
    broker.process(bar);
    steps[bar]?.(broker);
  }
  broker.finish();
  return broker;
}

const buy = (units: number) => (broker: Broker) => void broker.place(1, { units });
const sell = (units: number) => (broker: Broker) => void broker.place(-1, { units });
const sizes = ({ trades }: Broker) => tradeRecords(trades, new Float64Array(100)).map(({ size }) => size);

describe("an order that leaves several entries", () => {
  const entries: Steps = { 1: buy(10), 2: buy(10), 3: buy(10) };

  it("pays its fixed fee and its minimum once, and the trades share it by their units", () => {
    // Four orders of 5.
    expect(run({ commissionFixed: 5 }, { ...entries, 4: (broker) => broker.close() }).cash).toBeCloseTo(99_980, 6);
    // Three entries at the minimum of 10, and an exit of 3,000 at 0.1 %, which is below it.
    const least = { commissionRate: 0.001, commissionMinimum: 10 };
    expect(run(least, { ...entries, 4: (broker) => broker.close() }).cash).toBeCloseTo(99_960, 6);
    expect(run({ commissionFixed: 6 }, { ...entries, 4: sell(20), 5: sell(10) }).cash).toBeCloseTo(99_970, 6);
  });

  it("is one order at the end of the data too", () => {
    const broker = run({ commissionFixed: 6 }, entries);
    expect(broker.cash).toBeCloseTo(99_976, 6);
    expect(tradeRecords(broker.trades, new Float64Array(8)).map(({ commission }) => commission)).toEqual([8, 8, 8]);
  });
});

describe("decimal units", () => {
  it("leave no dust when they are bought and sold in parts", () => {
    for (const settings of [{ lotSize: 0.1 }, { fractionalUnits: true }]) {
      const once = run(settings, { 1: buy(0.1), 2: buy(0.2), 3: sell(0.3) });
      expect([sizes(once), once.size, once.warnings.refusedOrders]).toEqual([[0.1, 0.2], 0, 0]);
      const twice = run(settings, { 1: buy(0.3), 2: sell(0.1), 3: sell(0.2) });
      expect([sizes(twice), twice.size, twice.warnings.refusedOrders]).toEqual([[0.1, 0.2], 0, 0]);
    }
  });

  it("add up to what is held, in tenths, whatever is bought and sold", () => {
    const tenths = fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(tenths, fc.constantFrom({ lotSize: 0.1 }, { fractionalUnits: true }), (moves, settings) => {
        const bars = flatBars(moves.length + 3);
        const steps = Object.fromEntries(
          moves.map((move, index) => [
            index + 1,
            (broker: Broker) => {
              if (move !== 0) broker.place(move > 0 ? 1 : -1, { units: Math.abs(move) / 10 });
            },
          ]),
        );
        const broker = run({ ...settings, finalizeTrades: false }, steps, bars);
        const held = moves.reduce((sum, move) => sum + move, 0);
        expect(broker.size).toBe(held / 10 + 0);
        expect(broker.lots.every(({ size }) => Number.isInteger(Number((size * 10).toPrecision(12))))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it("that are no whole number of lots are rounded down, and that is said", () => {
    const broker = run({ lotSize: 0.1 }, { 1: buy(0.35) });
    expect(sizes(broker)).toEqual([0.3]);
    expect(broker.warnings.roundedEntries).toBe(1);
  });
});

describe("a refused order of a group", () => {
  it("leaves the others waiting", () => {
    const bars = flatBars(6);
    [bars.high[3], bars.low[4], bars.close[4]] = [106, 80, 82];
    [bars.open[5], bars.high[5], bars.low[5], bars.close[5]] = [82, 82, 82, 82];
    const steps: Steps = {
      1: buy(10),
      2: (broker) => {
        broker.place(1, { units: 10, stop: 105, cancelGroup: "exit" });
        broker.place(-1, { units: 10, stop: 95, cancelGroup: "exit" });
      },
    };
    const broker = run({}, steps, bars, { pyramiding: 1 });
    expect([broker.warnings.refusals.pyramiding, broker.cash]).toEqual([1, 99_950]);
  });
});

describe("holding with fills at the close", () => {
  // Wednesday to Friday, and Monday to Friday of the week after.
  const days = [3, 4, 5, 8, 9, 10, 11, 12];
  const settings = { shortBorrowRate: 0.365, fillAt: "close" } as const;
  // 10 units short at 100 cost 1 a day.
  const costOf = (steps: Steps) => {
    const { trades } = run(settings, steps, flatBars(8, days));
    return trades.holdingCost[0];
  };

  it("costs the days between the two closes", () => {
    expect(costOf({ 2: sell(10), 3: (broker) => broker.close() })).toBeCloseTo(3, 12);
    expect(costOf({ 1: sell(10), 2: (broker) => broker.close() })).toBeCloseTo(1, 12);
    expect(costOf({ 6: sell(10) })).toBeCloseTo(1, 12);
  });
});
