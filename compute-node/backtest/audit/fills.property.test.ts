/** Orders fill after their decision, whatever is traded; the audit finds those that do not. */
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backtestSpec } from "../../../protocol/operations/index.ts";
import { type BarColumns, barsBetween, loadFile } from "../../market-data/index.ts";
import { parseRuleStrategyFile } from "../../strategy/index.ts";
import type { StrategySignals } from "../../strategy/signals.ts";
import { defineStrategy } from "../script/api.ts";
import { type RandomCase, randomBars, randomCase, randomSettings, truncated } from "../testing/random-cases.ts";
import { type OrderScript, randomScript } from "../testing/random-orders.ts";
import { findingText } from "./audit.ts";
import { auditBacktest, auditRules, auditScript } from "./audit-strategy.ts";

/** The signals of a random case, as rules that know only the bars that they see. */
function asRules(random: RandomCase) {
  return {
    signals(cut: BarColumns): StrategySignals {
      const { signals } = truncated(random, Math.min(cut.rows, random.bars.rows));
      const padded = (flags: Uint8Array) => {
        const longer = new Uint8Array(cut.rows);
        longer.set(flags);
        return longer;
      };
      return {
        ...signals,
        entryLong: padded(signals.entryLong),
        entryShort: padded(signals.entryShort),
        exitLong: padded(signals.exitLong),
        exitShort: padded(signals.exitShort),
      };
    },
  };
}

/** The steps of a random script, as a strategy. */
function asStrategy({ steps, options }: OrderScript) {
  return defineStrategy({
    options,
    onBar({ bar, buy, sell, close, cancel, orders }) {
      for (const step of steps.filter((one) => one.bar === bar)) {
        if (step.kind === "place") (step.side === 1 ? buy : sell)(step.request);
        else if (step.kind === "close") close(step.portion);
        else if (orders.length > 0) cancel(orders[step.index % orders.length]);
      }
    },
  });
}

const HONEST = { lastBar: "close" } as const;

describe("the audit of fills", () => {
  it("finds nothing in random signals, whatever the settings", () => {
    fc.assert(
      fc.property(randomCase, (random) => {
        const report = auditRules(asRules(random), random.bars, undefined, { ...random.settings, ...HONEST });
        expect(report.findings.map(findingText)).toEqual([]);
        expect(report.columns.fill).toBe(4);
      }),
      { numRuns: 150 },
    );
  });

  it("finds nothing in random orders of scripts, whatever the settings", () => {
    fc.assert(
      fc.property(randomScript, randomSettings, (script, settings) => {
        const report = auditScript(script.bars, () => asStrategy(script), { ...settings, ...HONEST });
        expect(report.findings.map(findingText)).toEqual([]);
        expect(report.columns.fill).toBe(4);
      }),
      { numRuns: 60 },
    );
  });

  it("finds every order of the last bar that fills there, and names the bar", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 60 }),
        fc.integer(),
        fc.constantFrom("next_open" as const, "close" as const),
        fc.boolean(),
        (rows, seed, fillAt, isLong) => {
          const bars = randomBars(rows, seed, 0.02);
          const spec = backtestSpec.parse({
            kind: "backtest",
            strategy: {
              kind: "rules",
              name: "last",
              entries: { [isLong ? "long" : "short"]: `close == ${bars.close[rows - 1]}` },
            },
            data: { symbol: "TEST", timeframe: "1d" },
            settings: { lastBar: "replay", fillAt },
          });
          const { findings } = auditBacktest(spec, bars);
          // With fills at the close it fills at the close before its decision.
          const bar = fillAt === "close" ? rows - 2 : rows - 1;
          expect(findings.map(({ kind, name, bar: at, rows: length }) => ({ kind, name, at, length }))).toEqual(
            (isLong ? ["units bought", "money paid"] : ["units sold", "money received"]).map((name) => {
              return { kind: "fill", name, at: bar, length: rows };
            }),
          );
          const honest = { ...spec, settings: { ...spec.settings, ...HONEST } };
          expect(auditBacktest(honest, bars).findings).toEqual([]);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("says it of the small case whose last bar gains half", async () => {
    const cases = join(import.meta.dirname, "../../../test/cases");
    const { bars } = await loadFile(join(cases, "csv/LAST_1d.csv"));
    const strategy = parseRuleStrategyFile("name: last\nentries: { long: close > 1.2 * open }\n", "last.yaml");
    const auditOf = (settings: object) =>
      auditBacktest(
        backtestSpec.parse({ kind: "backtest", strategy, data: { symbol: "LAST", timeframe: "1d" }, settings }),
        barsBetween(bars, 0, bars.rows),
      ).findings.map(findingText);
    expect(auditOf({ lastBar: "replay" })).toEqual([
      "figure of fills units bought at bar 4 (2024-01-05) is 1000 with 5 bars, and 0 when more follow",
      "figure of fills money paid at bar 4 (2024-01-05) is 100000 with 5 bars, and 0 when more follow",
    ]);
    expect(auditOf({})).toEqual([]);
  });
});
