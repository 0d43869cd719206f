import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runBacktest } from "../../../compute-node/backtest/engine/engine.ts";
import { type RandomCase, randomCase } from "../../../compute-node/backtest/testing/random-cases.ts";
import { loadSample } from "../../../compute-node/market-data/index.ts";
import { compileRules, parseRuleStrategyFile } from "../../../compute-node/strategy/index.ts";
import type { StrategySignals } from "../../../compute-node/strategy/signals.ts";
import { backtestSettings } from "../../../protocol/index.ts";
import { MONEY_TOLERANCE, oracleCases } from "../../../test/golden/oracle-cases.ts";
import { SETTINGS_PRESETS } from "./backtest-presets.ts";

const golden = new URL("../../../test/golden/", import.meta.url);

describe("the preset backtesting.py", () => {
  it("is that library's answer to every convention, and nothing else", () => {
    expect(SETTINGS_PRESETS["backtesting.py"]).toEqual({
      lastBar: "replay",
      allIn: "below",
      fixedFeeSizing: "per_unit",
      gappedTarget: "stop",
      entryBarTarget: "stop_entries",
      calendar: "four_lengths",
      crosses: "strict",
      buyAndHoldFrom: "first_decision",
    });
  });

  it("finds its other defaults in ours (Backtest.__init__ of 0.6.6), but for the capital and the end of the data", () => {
    expect(backtestSettings.parse(SETTINGS_PRESETS["backtesting.py"])).toMatchObject({
      commissionRate: 0,
      spreadRate: 0,
      margin: 1,
      fillAt: "next_open",
      fractionalUnits: false,
    });
  });

  it("gives that library's trades and equity on Apple's prices", async () => {
    const oracle = oracleCases(new URL("backtesting-py-open-data.json", golden)).find(
      ({ id }) => id === "AAPL-sma10x20-longshort-c0.0",
    );
    if (oracle === undefined) throw new Error("the golden case is gone");
    const { bars } = await loadSample("AAPL");
    const text = readFileSync(new URL(`strategies/${oracle.strategy}.yaml`, golden), "utf8");
    const strategy = parseRuleStrategyFile(text, `${oracle.strategy}.yaml`);
    const signals = compileRules(strategy, oracle.params).signals(bars);
    // The case differs from the defaults only in this.
    const settings = backtestSettings.parse({ ...SETTINGS_PRESETS["backtesting.py"], initialCapital: 10_000 });
    const { trades, equity } = runBacktest(bars, signals, settings);
    expect(trades.count).toBe(oracle.trades.length);
    for (const [row, trade] of oracle.trades.entries()) {
      expect([trades.size[row], trades.entryBar[row], trades.exitBar[row]]).toEqual([
        trade.size,
        trade.entryBar,
        trade.exitBar,
      ]);
    }
    const last = equity[equity.length - 1];
    expect(Math.abs(last - oracle.equityLast)).toBeLessThanOrEqual(MONEY_TOLERANCE * last);
  });
});

/** Trades signals like ktrdr in Python. An entry's commission is in the trade and never added back to the equity. */
function tradeAsKtrdr({ bars, signals }: RandomCase) {
  const { initialCapital, commissionRate, slippageRate } = backtestSettings.parse(SETTINGS_PRESETS.ktrdr);
  const trades: { side: number; quantity: number; entryBar: number; exitBar: number; net: number }[] = [];
  const equity: number[] = [];
  let available = initialCapital;
  let held: { side: number; quantity: number; price: number; bar: number; fee: number } | null = null;
  let pending = 0;
  for (let bar = 0; bar < bars.rows; bar++) {
    const open = bars.open[bar];
    if (held !== null && pending === -held.side) {
      const price = open * (1 - held.side * slippageRate);
      const [entryValue, exitValue] = [held.quantity * held.price, held.quantity * price];
      const fee = exitValue * commissionRate;
      available += held.side === 1 ? exitValue - fee : entryValue + (entryValue - exitValue - fee);
      const net = held.side * (exitValue - entryValue) - fee - held.fee;
      trades.push({ side: held.side, quantity: held.quantity, entryBar: held.bar, exitBar: bar, net });
      held = null;
    } else if (held === null && pending !== 0) {
      const price: number = open * (1 + pending * slippageRate);
      // Sized on the fill's price. Upstream uses the open, and may take more than its quarter.
      const quantity = Math.floor((0.25 * available) / (price * (1 + commissionRate)));
      const fee = quantity * price * commissionRate;
      if (quantity > 0) {
        available -= quantity * price + fee;
        held = { side: pending, quantity, price, bar, fee };
      }
    }
    pending = 0;
    if (bar > signals.warmupBars) pending = signals.entryLong[bar] ? 1 : signals.entryShort[bar] ? -1 : 0;
    const entryValue = held === null ? 0 : held.quantity * held.price;
    const profit = held === null ? 0 : held.side * (held.quantity * bars.close[bar] - entryValue);
    equity.push(available + entryValue + profit);
  }
  return { trades, equity };
}

describe("the preset ktrdr", () => {
  it("trades as ktrdr in Python does, with a quarter of the equity and its accounting faults mended", () => {
    fc.assert(
      fc.property(randomCase, (random) => {
        const { bars } = random;
        // One signal a bar. The opposite signal closes and never reverses.
        const entryShort = random.signals.entryShort.map((flag, bar) => (random.signals.entryLong[bar] ? 0 : flag));
        const { sizing: _sizing, ...rest } = random.signals;
        const signals: StrategySignals = {
          ...rest,
          entryShort,
          exitLong: entryShort,
          exitShort: rest.entryLong,
          reverse: false,
          sizeFraction: 0.25,
          stopLoss: null,
          takeProfit: null,
        };
        const settings = backtestSettings.parse({ ...SETTINGS_PRESETS.ktrdr, finalizeTrades: false });
        const run = runBacktest(bars, signals, settings);
        const slow = tradeAsKtrdr({ ...random, signals });
        if (run.warnings.some(({ code }) => code === "ruin")) return;
        expect(run.trades.count).toBe(slow.trades.length);
        for (const [row, { side, quantity, entryBar, exitBar, net }] of slow.trades.entries()) {
          const { trades } = run;
          expect([trades.size[row], trades.entryBar[row], trades.exitBar[row]]).toEqual([
            side * quantity,
            entryBar,
            exitBar,
          ]);
          expect(trades.pnl[row]).toBeCloseTo(net, 5);
        }
        for (const [bar, money] of slow.equity.entries()) expect(run.equity[bar]).toBeCloseTo(money, 5);
      }),
      { numRuns: 500 },
    );
  });
});
