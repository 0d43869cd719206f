import { describe, expect, it } from "vitest";
import { backtestSettings } from "../../../protocol/operations/index.ts";
import { ruleStrategy } from "../../../protocol/strategy-rules.ts";
import { barsBetween } from "../../market-data/bars.ts";
import { compileRules } from "../../strategy/index.ts";
import { auditRules, auditScript } from "../audit/audit-strategy.ts";
import { runBacktest } from "../engine/engine.ts";
import { tradeRecords } from "../engine/trade-log.ts";
import { randomBars } from "../testing/random-cases.ts";
import { defineStrategy } from "./api.ts";
import { runScript } from "./strategy.ts";

const bars = randomBars(1500, 5, 0.02);
const settings = backtestSettings.parse({ commissionRate: 0.001, fractionalUnits: true });

const cross = defineStrategy({
  parameters: { fast: 5, slow: 20 },
  indicators: ({ fast, slow }) => ({ fast: ["sma", { period: fast }], slow: ["sma", { period: slow }] }),
  onBar({ indicators: { fast, slow }, position, buy, close }) {
    if (position.size === 0 && fast.now > slow.now) buy({ stopLoss: { fraction: 0.05 } });
    else if (position.size > 0 && fast.now <= slow.now) close();
  },
});

const crossRules = ruleStrategy.parse({
  kind: "rules",
  name: "cross",
  parameters: { fast: 5, slow: 20 },
  indicators: { sma_fast: { type: "sma", period: "fast" }, sma_slow: { type: "sma", period: "slow" } },
  entries: { long: "sma_fast > sma_slow" },
  exits: { long: "sma_fast <= sma_slow" },
  stop_loss: { fraction: 0.05, from: "fill" },
});

describe("a strategy in TypeScript", () => {
  it("equals the same one in rules, bit for bit, with its parameters overridden too", () => {
    const choices: Record<string, number>[] = [{}, { fast: 3, slow: 50 }];
    for (const overrides of choices) {
      const signals = compileRules(crossRules, overrides).signals(bars);
      const rules = runBacktest(bars, signals, settings);
      const script = runScript(bars, cross, settings, overrides);
      expect(script.warmupBars).toBe(signals.warmupBars);
      expect(rules.trades.count).toBeGreaterThan(20);
      expect(tradeRecords(script.trades, bars.timeMs)).toEqual(tradeRecords(rules.trades, bars.timeMs));
      expect(script.equity).toEqual(rules.equity);
    }
  });

  it("equals rules also where indicators read other prices and each other", () => {
    const rules = ruleStrategy.parse({
      kind: "rules",
      name: "chained",
      indicators: {
        mid: { type: "macd", source: "high" },
        signal: { type: "ema", period: 5, source: "mid.signal" },
        lows: { type: "sma", period: 3, source: "low" },
      },
      entries: { long: "signal > 0 and close > lows" },
      exits: { long: "signal <= 0" },
    });
    const script = defineStrategy({
      indicators: () => ({
        mid: ["macd", { source: "high" }],
        signal: ["ema", { period: 5, source: "mid.signal" }],
        lows: ["sma", { period: 3, source: "low" }],
      }),
      onBar({ indicators: { signal, lows }, prices, position, buy, close }) {
        if (position.size === 0 && signal.now > 0 && prices.close.now > lows.now) buy();
        else if (position.size > 0 && signal.now <= 0) close();
      },
    });
    const signals = compileRules(rules).signals(bars);
    const expected = runBacktest(bars, signals, settings);
    const found = runScript(bars, script, settings);
    expect(found.warmupBars).toBe(signals.warmupBars);
    expect(expected.trades.count).toBeGreaterThan(5);
    expect(found.equity).toEqual(expected.equity);
  });

  it("sees past bars by number and as a copy, and no later one by any way", () => {
    const seen: string[] = [];
    runScript(
      barsBetween(bars, 0, 10),
      defineStrategy({
        onBar({ bar, prices: { close } }) {
          expect(close.at(bar + 1)).toBeNaN();
          expect(Array.from(close.last(3))).toEqual(Array.from(bars.close.slice(Math.max(0, bar - 2), bar + 1)));
          close.last(3).fill(0);
          for (const look of [() => close.at(-1), () => close.at(0.5), () => close.last(-1)]) {
            expect(look).toThrow(/later bars cannot be seen|not a bar up to the present one/);
          }
          seen.push(...Object.keys(close), ...Object.values(close).map(String));
        },
      }),
      settings,
    );
    expect(seen).toEqual([]);
  });

  it("has its faults named: parameters, indicators, outputs, and its own errors, with the bar", () => {
    const failing = (strategy: Parameters<typeof runScript>[1]) => () => runScript(bars, strategy, settings);
    const onBar = () => undefined;
    expect(() => runScript(bars, cross, settings, { fsat: 1 })).toThrow('no parameter "fsat"');
    expect(failing({ onBar, indicators: () => ({ a: ["smaa"] }) })).toThrow('unknown type "smaa"');
    expect(failing({ onBar, indicators: () => ({ a: ["sma", { perod: 3 }] }) })).toThrow('no parameter "perod"');
    expect(failing({ onBar, indicators: () => ({ a: ["macd", {}, "lin"] }) })).toThrow('no output "lin"');
    const throwing = ({ bar }: { bar: number }) => {
      if (bar === 7) throw new Error("oops");
    };
    expect(failing({ onBar: throwing })).toThrow(/onBar failed at bar 7 \(.*\): oops/);
  });
});

describe("the look-ahead audit", () => {
  it("finds nothing in strategies that see only past bars", () => {
    expect(auditRules(compileRules(crossRules), bars).findings).toEqual([]);
    expect(auditScript(bars, () => cross, settings).findings).toEqual([]);
  });

  it("finds the first bar of a leak that was planted in rules", () => {
    const compiled = compileRules(crossRules);
    const leaking = {
      signals(cut: typeof bars) {
        const signals = compiled.signals(cut);
        const last = cut.close[cut.rows - 1];
        const entryLong = signals.entryLong.map((flag, bar) => (bar > 100 && cut.close[bar] > last ? 0 : flag));
        return { ...signals, entryLong };
      },
    };
    const { findings, prefixes } = auditRules(leaking, bars);
    expect(prefixes.length).toBeGreaterThan(20);
    expect(findings).toMatchObject([{ kind: "signal", name: "entryLong" }]);
    expect(findings[0].bar).toBeGreaterThan(100);
    expect(findings[0].bar).toBeLessThan(200);
  });

  it("finds a script that carries knowledge from one run to the next", () => {
    let lastBar = 0;
    const leaking = defineStrategy({
      onBar({ bar, position, buy }) {
        lastBar = Math.max(lastBar, bar);
        if (position.size === 0 && bar < lastBar) buy();
      },
    });
    const { findings } = auditScript(bars, () => leaking, settings);
    expect(findings.map(({ kind, bar }) => [kind, bar])).toEqual([
      ["order", 1],
      ["equity", 2],
    ]);
  });
});
