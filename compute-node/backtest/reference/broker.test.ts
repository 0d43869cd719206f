import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BacktestSettings } from "../../../protocol/operations/index.ts";
import type { BarColumns } from "../../market-data/bars.ts";
import type { Broker } from "../engine/broker.ts";
import { tradeRecords } from "../engine/trade-log.ts";
import { playOrders } from "../testing/play-orders.ts";
import { randomSettings } from "../testing/random-cases.ts";
import { type OrderScript, type OrderStep, randomScript, SCRIPT_BARS } from "../testing/random-orders.ts";
import { ReferenceBroker } from "./broker.ts";

function playSlowly(broker: ReferenceBroker, step: OrderStep): void {
  if (step.kind === "place") broker.place(step.side, step.request);
  else if (step.kind === "close") broker.close(step.portion);
  else if (broker.waiting.length > 0) broker.cancel(broker.waiting[step.index % broker.waiting.length].id);
}

function tradesOf(broker: Broker) {
  const records = tradeRecords(broker.trades, new Float64Array(SCRIPT_BARS));
  return records.map(({ entryTimeMs: _entry, exitTimeMs: _exit, ...trade }, row) => {
    return { ...trade, holdingCost: broker.trades.holdingCost[row] };
  });
}

describe("the broker and the slow reference broker", () => {
  it("agree bit for bit on thousands of scripts of orders of every kind, with every cost and rule", () => {
    fc.assert(
      fc.property(randomScript, randomSettings, (script, settings) => {
        const slow = new ReferenceBroker(script.bars, settings, script.options);
        const fast = playOrders(script, settings, (_, bar) => {
          slow.process(bar);
          if (!slow.isRuined) for (const step of script.steps) if (step.bar === bar) playSlowly(slow, step);
        });
        slow.finish();
        expect(tradesOf(fast)).toEqual(slow.trades);
        expect(Array.from(fast.equity)).toEqual(slow.equity);
        expect(fast.cash).toBe(slow.cash);
        expect(fast.size).toBe(slow.size);
        expect(fast.orders.map(({ id }) => id)).toEqual(slow.waiting.map(({ id }) => id));
        expect(fast.lots.map(({ stop }) => (Number.isFinite(stop) ? stop : null))).toEqual(
          slow.holdings.map(({ stop }) => stop),
        );
        const { refusedOrders, ambiguousBars, liquidations } = fast.warnings;
        expect([refusedOrders, ambiguousBars, liquidations]).toEqual([slow.refused, slow.ambiguous, slow.liquidations]);
      }),
      { numRuns: 4000 },
    );
  });
});

describe("the account of any script of orders", () => {
  it("is cash plus positions after every bar, in every trade and lot", () => {
    fc.assert(
      fc.property(randomScript, randomSettings, (script, settings) => {
        playOrders(script, settings, (broker, bar) => {
          if (broker.isRuined) return;
          let expected = settings.initialCapital;
          for (let row = 0; row < broker.trades.count; row++) expected += broker.trades.pnl[row];
          expect(broker.lots.every(({ size }) => size * broker.lots[0].size > 0)).toBe(true);
          for (const { size, entryPrice, entryFee, holdingCost } of broker.lots) {
            expected += size * (script.bars.close[bar] - entryPrice) - entryFee - holdingCost;
          }
          const scale = Math.max(settings.initialCapital, Math.abs(expected)) / settings.margin;
          expect(Math.abs(broker.equity[bar] - expected)).toBeLessThanOrEqual(1e-9 * scale);
        });
      }),
      { numRuns: 500 },
    );
  });

  it("knows nothing of later bars", () => {
    fc.assert(
      fc.property(randomScript, randomSettings, fc.integer({ min: 1, max: SCRIPT_BARS }), (script, settings, rows) => {
        const open = { ...settings, finalizeTrades: false };
        const whole = playOrders(script, open);
        const cut = (column: Float64Array) => column.slice(0, rows);
        const { timeMs, open: opens, high, low, close, volume } = script.bars;
        const bars: BarColumns = {
          rows,
          timeMs: cut(timeMs),
          open: cut(opens),
          high: cut(high),
          low: cut(low),
          close: cut(close),
          volume: cut(volume),
        };
        const part = playOrders({ ...script, bars }, open);
        expect(part.equity).toEqual(whole.equity.slice(0, rows));
        expect(tradesOf(part)).toEqual(tradesOf(whole).slice(0, part.trades.count));
      }),
      { numRuns: 500 },
    );
  });

  it("scales exactly when prices, money and the prices of orders are multiplied by a power of two", () => {
    fc.assert(
      fc.property(randomScript, randomSettings, fc.integer({ min: -6, max: 6 }), (script, random, exponent) => {
        const { tickSize: _tick, ...settings } = random;
        const factor = 2 ** exponent;
        const times = <Value>(value: Value) => (typeof value === "number" ? value * factor : value);
        const column = (values: Float64Array) => values.map((price) => price * factor);
        const { open, high, low, close } = script.bars;
        const scaled: OrderScript = {
          ...script,
          bars: { ...script.bars, open: column(open), high: column(high), low: column(low), close: column(close) },
          steps: script.steps.map((step) => {
            if (step.kind !== "place") return step;
            const request = { ...step.request };
            for (const field of ["limit", "stop", "money", "stopLoss", "takeProfit"] as const)
              if (request[field] !== undefined) Object.assign(request, { [field]: times(request[field]) });
            return { ...step, request };
          }),
        };
        const one = playOrders(script, settings);
        const other = playOrders(scaled, {
          ...settings,
          initialCapital: settings.initialCapital * factor,
          commissionFixed: settings.commissionFixed * factor,
          commissionPerUnit: settings.commissionPerUnit * factor,
          commissionMinimum: settings.commissionMinimum * factor,
        });
        expect(other.equity).toEqual(one.equity.map((money) => money * factor));
        expect(other.trades.size).toEqual(one.trades.size);
      }),
      { numRuns: 500 },
    );
  });

  it("does not move without costs on flat prices", () => {
    fc.assert(
      fc.property(randomScript, randomSettings, (script, random) => {
        const price = 100;
        const { rows, timeMs, volume } = script.bars;
        const flat = new Float64Array(rows).fill(price);
        const { fractionalUnits, lotSize, margin, fillAt, finalizeTrades, initialCapital } = random;
        const free: BacktestSettings = {
          ...{ fractionalUnits, lotSize, margin, fillAt, finalizeTrades, initialCapital },
          ...{ commissionRate: 0, commissionFixed: 0, commissionPerUnit: 0, commissionMinimum: 0 },
          ...{ spreadRate: 0, slippageRate: 0 },
        };
        const bars = { rows, timeMs, volume, open: flat, high: flat, low: flat, close: flat };
        const broker = playOrders({ ...script, bars }, free);
        expect(broker.equity.every((money) => money === initialCapital)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});
