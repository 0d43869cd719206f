import { afterEach, describe, expect, it, vi } from "vitest";
import { DAY_MS, HOUR_MS } from "../../../protocol/durations.ts";
import { backtestSettings } from "../../../protocol/operations/index.ts";
import type { NeuralStrategy } from "../../../protocol/strategy-neural.ts";
import { ruleStrategy } from "../../../protocol/strategy-rules.ts";
import { findIndicator, findNeuralIndicator, type IndicatorDeclaration } from "../../indicators/index.ts";
import type { BarColumns } from "../../market-data/bars.ts";
import {
  compileRules,
  computeFeatures,
  decisionSettings,
  type FeatureMatrix,
  parseStrategyFile,
  ruleSeries,
} from "../../strategy/index.ts";
import { defineStrategy } from "../script/api.ts";
import { randomBars } from "../testing/random-cases.ts";
import { auditedText, findingText } from "./audit.ts";
import { type AuditedNetwork, auditNeural, auditRules, auditScript } from "./audit-strategy.ts";

function hourly(rows: number, seed: number): BarColumns {
  const bars = randomBars(rows, seed, 0.01);
  return { ...bars, timeMs: Float64Array.from(bars.timeMs, (_, bar) => bar * HOUR_MS) };
}

/** Days made of hours, each with the whole day in it. */
function daily(hours: BarColumns): BarColumns {
  const rows = Math.floor(hours.rows / 24);
  const column = (read: (day: number) => number) => Float64Array.from({ length: rows }, (_, day) => read(day));
  const of = (values: Float64Array, day: number) => values.subarray(day * 24, day * 24 + 24);
  return {
    rows,
    timeMs: column((day) => day * DAY_MS),
    open: column((day) => hours.open[day * 24]),
    high: column((day) => Math.max(...of(hours.high, day))),
    low: column((day) => Math.min(...of(hours.low, day))),
    close: column((day) => hours.close[day * 24 + 23]),
    volume: column(() => 1),
  };
}

const bars = hourly(1200, 5);
const settings = backtestSettings.parse({ fractionalUnits: true });

afterEach(() => vi.restoreAllMocks());

type Leak = (input: Float64Array, output: Float64Array) => void;

/** The mean of the bars around each one. */
const centredWindow: Leak = (input, output) => {
  for (let bar = 0; bar < output.length; bar++) {
    const window = input.subarray(Math.max(0, bar - 3), bar + 4);
    output[bar] = window.reduce((sum, value) => sum + value, 0) / window.length;
  }
};

/** The value within the range of the whole sample: minmax normalisation as ktrdr (Python) fits it. */
const fullSample: Leak = (input, output) => {
  const [least, most] = [Math.min(...input), Math.max(...input)];
  for (let bar = 0; bar < output.length; bar++) output[bar] = (input[bar] - least) / (most - least);
};

function plant(declaration: IndicatorDeclaration | undefined, leak: Leak): void {
  if (declaration === undefined) throw new Error("there is no such indicator");
  vi.spyOn(declaration, "compute").mockImplementation(([input], _parameters, outputs) => {
    for (const output of outputs) leak(input, output);
  });
}

const rules = ruleStrategy.parse({
  kind: "rules",
  name: "cross",
  indicators: {
    fast: { type: "ema", period: 5 },
    slow: { type: "ema", period: 20 },
    spread: { type: "macd" },
    unused: { type: "rsi", period: 14 },
  },
  entries: { long: "fast crosses above slow and close > highest(high, 5)[1] and close@1d > slow@1d" },
  exits: { long: "fast < slow or spread.signal < 0" },
});
const auditOfRules = () => auditRules(compileRules(rules), bars, ruleSeries(rules));

describe("the audit of rules", () => {
  it("compares each indicator, longer bars, expressions and signals, and finds no fault in honest ones", () => {
    const report = auditOfRules();
    expect(report.findings).toEqual([]);
    expect(report.columns.indicator).toBeGreaterThanOrEqual(6);
    expect(report.columns.series).toBeGreaterThanOrEqual(2);
    expect(auditedText(report)).toMatch(/^\d+ indicators, \d+ series, 4 signals$/);
  });

  it.each([
    ["a centred window", centredWindow],
    ["the whole sample's range", fullSample],
  ])("finds an indicator that uses %s, names it first, and says when", (_, leak) => {
    plant(findIndicator("ema"), leak);
    const { findings } = auditOfRules();
    expect(findings[0].name).toMatch(/^(fast|slow|ema\(20\)@1d)$/);
    expect(findings.some(({ kind, name }) => kind === "indicator" && name === "fast")).toBe(true);
    expect(findings[0].shortValue).not.toBe(findings[0].fullValue);
    expect(findings[0].timeMs).toBe(bars.timeMs[findings[0].bar]);
    expect(findingText(findings[0])).toMatch(/^(indicator|series) \S+ at bar \d+ \(1970-.*\) is .* with \d+ bars, and/);
    expect(findings.some(({ name }) => name.includes("@1d"))).toBe(true);
  });

  it("finds a value of a day that is not over", () => {
    const honest = ruleSeries(rules);
    const early = (cut: BarColumns) => {
      const lastOfDay = (bar: number) => Math.min(cut.rows, (Math.floor(bar / 24) + 1) * 24) - 1;
      const values = Float64Array.from({ length: cut.rows }, (_, bar) => cut.close[lastOfDay(bar)]);
      return [...honest(cut), { kind: "series" as const, name: "close@1d", values }];
    };
    const { findings } = auditRules(compileRules(rules), bars, early);
    expect(findings.map(({ kind, name }) => `${kind} ${name}`)).toEqual(["series close@1d"]);
  });

  it("follows the account too, whose sizes are measured from the past", () => {
    const sized = ruleStrategy.parse({ ...rules, size: { volatility_target: 0.2, window: 30 } });
    const report = auditRules(compileRules(sized), bars, ruleSeries(sized), settings);
    expect(report.findings).toEqual([]);
    expect(report.columns.equity).toBe(1);
    let runs = 0;
    const leaking = {
      signals(cut: BarColumns) {
        const signals = compileRules(sized).signals(cut);
        const target = runs++ === 0 ? 0.2 : 0.1;
        return { ...signals, sizing: { kind: "volatility" as const, target, window: 30 } };
      },
    };
    const { findings } = auditRules(leaking, bars, undefined, settings);
    expect(findings.map(({ kind }) => kind)).toEqual(["equity"]);
  });

  it("finds an indicator that nothing reads yet", () => {
    plant(findIndicator("rsi"), centredWindow);
    expect(auditOfRules().findings.map(({ name }) => name)).toEqual(["unused"]);
  });
});

const v3 = parseStrategyFile(
  `name: audited
training_data:
  symbols: { mode: single, symbol: X }
  timeframes: { mode: multi_timeframe, timeframes: [1h, 1d], base_timeframe: 1h }
indicators:
  rsi: { type: rsi, period: 7 }
  trend: { type: ema, period: 3 }
fuzzy_sets:
  momentum: { indicator: rsi, low: [0, 20, 50], high: [50, 80, 100] }
nn_inputs:
  - { fuzzy_set: momentum, timeframes: [1h] }
  - { raw_indicator: trend, timeframes: all }
model: { type: mlp, architecture: { hidden_layers: [4] } }
decisions: { output_format: classification, confidence_threshold: 0.34, filters: { min_signal_separation: 1 } }
training: {}
`,
  "audited.yaml",
) as NeuralStrategy;
const series = { "1h": bars, "1d": daily(bars) };

/** Logits that a network might give; every row by itself. */
function infer({ columns, rows }: FeatureMatrix): Float32Array {
  const outputs = new Float32Array(3 * rows);
  for (let row = 0; row < rows; row++) for (let k = 0; k < 3; k++) outputs[3 * row + k] = Math.sin(columns[k][row] * 9);
  return outputs;
}
/** With its features changed in between, as a faulty normalisation would. */
function networkOf(change: (matrix: FeatureMatrix) => FeatureMatrix): AuditedNetwork {
  return {
    decisions: decisionSettings(v3),
    async outputs(given) {
      const matrix = computeFeatures(v3, given);
      return { outputs: infer(change(matrix)), firstRow: matrix.firstRow };
    },
  };
}
const network = networkOf((matrix) => matrix);

describe("the audit of a fuzzy-neural strategy", () => {
  it("compares indicators on their own bars, fuzzy values, features, outputs and decisions", async () => {
    const report = await auditNeural(v3, series, { network });
    expect(report.findings).toEqual([]);
    expect(report.columns).toEqual({ indicator: 3, fuzzy: 2, feature: 2, output: 3, signal: 4 });
  });

  it("finds an indicator that peeks, and what follows from it, the cause first", async () => {
    plant(findNeuralIndicator("rsi"), centredWindow);
    const { findings } = await auditNeural(v3, series, { network });
    expect(findings[0]).toMatchObject({ kind: "indicator", name: "1h_rsi" });
    plant(findNeuralIndicator("ema"), fullSample);
    const names = (await auditNeural(v3, series)).findings.map(({ kind, name }) => `${kind} ${name}`);
    expect(names).toEqual(
      expect.arrayContaining(["indicator 1d_trend", "feature 1d_trend_raw", "feature 1h_trend_raw"]),
    );
  });

  it("compares the fills of decisions that trade, and finds orders of the last bar that fill there", async () => {
    const honest = await auditNeural(v3, series, { network, settings });
    expect(honest.findings).toEqual([]);
    expect(honest.columns).toEqual({ indicator: 3, fuzzy: 2, feature: 2, output: 3, signal: 4, fill: 4 });
    const replayed = { ...settings, lastBar: "replay" as const };
    const { findings } = await auditNeural(v3, series, { network, settings: replayed });
    expect(findings).not.toEqual([]);
    expect(findings.every(({ kind, bar, rows }) => kind === "fill" && bar === rows - 1)).toBe(true);
  });

  it("finds a normalisation that was fitted on the whole sample", async () => {
    const normalised = (matrix: FeatureMatrix) => {
      const columns = matrix.columns.map((column) => {
        const defined = column.filter((value) => !Number.isNaN(value));
        const mean = defined.reduce((sum, value) => sum + value, 0) / Math.max(1, defined.length);
        return column.map((value) => value - mean);
      });
      return { ...matrix, columns };
    };
    const { findings } = await auditNeural(v3, series, { network: networkOf(normalised) });
    expect(findings[0].kind).toBe("output");
    expect(findings.map(({ kind }) => kind)).toContain("signal");
    expect(findings.every(({ kind }) => kind === "output" || kind === "signal")).toBe(true);
  });
});

describe("the audit of a script", () => {
  const strategyOf = () =>
    defineStrategy({
      indicators: () => ({ mean: ["ema", { period: 9 }] }),
      onBar({ indicators: { mean }, prices, position, buy, close }) {
        if (position.size === 0 && prices.close.now > mean.now) buy({ limit: prices.close.now * 0.999 });
        else if (position.size > 0 && prices.close.now < mean.now) close();
      },
    });

  it("compares its indicators, its orders and the account", () => {
    const report = auditScript(bars, strategyOf, settings);
    expect(report.findings).toEqual([]);
    expect(auditedText(report)).toBe("1 indicator, 5 figures of orders, 4 figures of fills, 1 equity curve");
  });

  it("finds an indicator that peeks", () => {
    plant(findIndicator("ema"), centredWindow);
    const { findings } = auditScript(bars, strategyOf, settings);
    expect(findings[0]).toMatchObject({ kind: "indicator", name: "mean" });
  });

  it("finds prices that were carried in from elsewhere: an order that changes", () => {
    let runs = 0;
    const leaking = () => {
      const knowsAll = runs++ === 0;
      return defineStrategy({
        onBar({ bar, buy, position }) {
          const tomorrow = knowsAll ? bars.close[bar + 5] : bars.close[bar];
          if (position.size === 0 && tomorrow > bars.close[bar]) buy({ units: 1 });
        },
      });
    };
    const { findings } = auditScript(bars, leaking, settings);
    expect(findings[0]).toMatchObject({ kind: "order", name: "bought" });
    expect(findings.map(({ kind }) => kind)).toContain("equity");
  });
});
