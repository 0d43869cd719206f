/**
 * A long at prices p is a short at prices −p: the same profit, the same costs by the size of a price, the same order of
 * events within a bar. So whatever holds for one side above zero holds for the other side, and below zero.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BacktestSettings } from "../../../protocol/operations/index.ts";
import type { BarColumns } from "../../market-data/bars.ts";
import type { ProtectiveLevel, StrategySignals } from "../../strategy/signals.ts";
import { playOrders } from "../testing/play-orders.ts";
import { randomCase, randomSettings } from "../testing/random-cases.ts";
import { type OrderScript, type OrderStep, randomScript } from "../testing/random-orders.ts";
import { runBacktest } from "./engine.ts";
import type { OrderRequest } from "./order.ts";
import type { TradeLog } from "./trade-log.ts";

const negated = (column: Float64Array) => column.map((value) => 0 - value);

function mirroredBars({ open, high, low, close, ...rest }: BarColumns): BarColumns {
  return { ...rest, open: negated(open), high: negated(low), low: negated(high), close: negated(close) };
}

/** Interest falls on longs that borrow and fees on shorts, and a price above zero keeps its least tick: those have no mirror. */
function symmetric(settings: BacktestSettings, { low }: BarColumns): BacktestSettings {
  const { shortBorrowRate: _borrow, financingRate: _interest, tickSize, ...rest } = settings;
  return tickSize !== undefined && low.every((price) => price > 2 * tickSize) ? { ...rest, tickSize } : rest;
}

function expectMirrored(mirrored: TradeLog, trades: TradeLog): void {
  expect(mirrored.count).toBe(trades.count);
  for (let row = 0; row < trades.count; row++) {
    const figures = (log: TradeLog, sign: number) => ({
      size: sign * log.size[row],
      entryBar: log.entryBar[row],
      exitBar: log.exitBar[row],
      entryPrice: sign * log.entryPrice[row],
      exitPrice: sign * log.exitPrice[row],
      // A profit of nothing may be -0.
      pnl: log.pnl[row] + 0,
      commission: log.commission[row],
      returnFraction: log.returnFraction[row] + 0,
      exitReason: log.exitReason[row],
    });
    expect(figures(mirrored, -1)).toEqual(figures(trades, 1));
  }
}

describe("a run mirrored through zero", () => {
  it("has the same trades and equity, for signals", () => {
    fc.assert(
      fc.property(randomCase, ({ bars, signals, settings: random }) => {
        const settings = symmetric(random, bars);
        // Both sides at once take the long one, and volatilities are measured from prices above zero.
        const entryShort = signals.entryShort.map((flag, bar) => (signals.entryLong[bar] === 1 ? 0 : flag));
        const { sizing: _sizing, ...plain } = { ...signals, entryShort };
        const { entryLong, exitLong, exitShort } = plain;
        const swapped = { entryLong: entryShort, entryShort: entryLong, exitLong: exitShort, exitShort: exitLong };
        const one = runBacktest(bars, plain, settings);
        const other = runBacktest(mirroredBars(bars), { ...plain, ...swapped } satisfies StrategySignals, settings);
        expectMirrored(other.trades, one.trades);
        expect(other.equity).toEqual(one.equity);
        expect(other.refusals).toEqual(one.refusals);
      }),
      { numRuns: 2000 },
    );
  });

  it("has the same trades and equity, for orders of every kind", () => {
    fc.assert(
      fc.property(randomScript, randomSettings, (script, random) => {
        const settings = symmetric(random, script.bars);
        const one = playOrders(script, settings);
        const other = playOrders(mirroredScript(script), settings);
        expectMirrored(other.trades, one.trades);
        expect(other.equity).toEqual(one.equity);
        expect(other.warnings.ambiguousBars).toBe(one.warnings.ambiguousBars);
        expect(other.warnings.refusals).toEqual(one.warnings.refusals);
      }),
      { numRuns: 2000 },
    );
  });
});

function mirroredScript({ bars, steps, options }: OrderScript): OrderScript {
  return { bars: mirroredBars(bars), steps: steps.map(mirroredStep), options };
}

function mirroredStep(step: OrderStep): OrderStep {
  if (step.kind !== "place") return step;
  const request = Object.fromEntries(
    Object.entries(step.request).map(([field, value]) => [field, mirroredField(field, value)]),
  ) as OrderRequest;
  return { ...step, side: step.side === 1 ? -1 : 1, request };
}

function mirroredField(field: string, value: number | string | Pick<ProtectiveLevel, "fraction">) {
  const isPrice = ["limit", "stop", "stopLoss", "takeProfit"].includes(field) && typeof value === "number";
  return isPrice ? -value : value;
}
