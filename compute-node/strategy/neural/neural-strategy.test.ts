import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Problem } from "../../../protocol/problem.ts";
import type { NeuralStrategy } from "../../../protocol/strategy-neural.ts";
import { parseStrategyFile, validateStrategy } from "../index.ts";
import { resolveNeural } from "./resolve.ts";

const GOOD = `name: test
version: "3.0"
training_data:
  symbols: { mode: single, symbol: EURUSD }
  timeframes: { mode: multi_timeframe, list: [5m, 1h], base_timeframe: 1h }
indicators:
  rsi_14: { type: rsi, period: 14 }
  macd_1: { type: macd }
fuzzy_sets:
  momentum:
    indicator: rsi_14
    low: [0, 20, 40]
    high: { type: trapezoidal, parameters: [60, 80, 100, 100] }
  trend:
    indicator: macd_1.signal
    up: { type: gaussian, parameters: [1, 0.5] }
nn_inputs:
  - fuzzy_set: momentum
    timeframes: all
  - raw_indicator: macd_1.line
    timeframes: [1h]
    normalization: zscore
  - fuzzy_set: trend
    timeframes: [1h]
model: { type: mlp, architecture: { hidden_layers: [8] } }
decisions: { output_format: classification, confidence_threshold: 0.6 }
training: { epochs: 10, labels: { source: zigzag, zigzag_threshold: 0.02 } }
`;

function parsed(text: string): NeuralStrategy {
  const strategy = parseStrategyFile(text, "test.yaml");
  if (strategy.kind !== "neural") throw new Error("it was read as rules");
  return strategy;
}

function faults(text: string, strict = false): string[] {
  try {
    validateStrategy(parseStrategyFile(text, "test.yaml"), { strict });
    return [];
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return error.issues.map(({ line, column, path, message }) => `${line}:${column} ${path}: ${message}`);
  }
}

function warnings(text: string): string[] {
  return validateStrategy(parsed(text)).map(({ code, line, message }) => `${code} ${line}: ${message}`);
}

describe("a v3 strategy", () => {
  it("is known by its indicators and nn_inputs, whatever its version says", () => {
    expect(parsed(GOOD).name).toBe("test");
    expect(parsed(GOOD.replace('version: "3.0"\n', "")).version).toBe("3.0");
    expect(warnings(GOOD)).toEqual([]);
    expect(warnings(GOOD.replace('"3.0"', "3.0"))).toEqual([
      'version-number 2: version is the number 3, not a text. Write version: "3.0".',
    ]);
    expect(faults(GOOD.replace('"3.0"', '"2.1"'))[0]).toMatch(/^2:11 version: version is 2.1/);
  });

  it("names its features by input, timeframe in the order of the file, and membership", () => {
    expect(resolveNeural(parsed(GOOD)).features.map(({ name }) => name)).toEqual([
      "5m_momentum_low",
      "5m_momentum_high",
      "1h_momentum_low",
      "1h_momentum_high",
      "1h_macd_1.line_raw",
      "1h_trend_up",
    ]);
  });

  it("takes the first output of an indicator that is named without one", () => {
    const resolved = resolveNeural(parsed(GOOD.replace("macd_1.signal", "macd_1")));
    expect(resolved.faults).toEqual([]);
    expect(resolved.features.at(-1)?.output).toBe(0);
  });

  it("lets a fuzzy set have the name of an indicator, and several read one", () => {
    const text = GOOD.replaceAll("momentum", "rsi_14").replace("macd_1.signal", "rsi_14");
    expect(faults(text)).toEqual([]);
    expect(resolveNeural(parsed(text)).features[0].name).toBe("5m_rsi_14_low");
  });

  it("takes a list of one timeframe in mode single, and the key symbols for a list", () => {
    const text = GOOD.replace(
      "{ mode: multi_timeframe, list: [5m, 1h], base_timeframe: 1h }",
      "{ mode: single, list: [1h] }",
    ).replace("{ mode: single, symbol: EURUSD }", "{ mode: multi_symbol, symbols: [EURUSD, GBPUSD] }");
    const { faults: found, symbols, baseTimeframe } = resolveNeural(parsed(text));
    expect({ found, symbols, baseTimeframe }).toEqual({
      found: [],
      symbols: ["EURUSD", "GBPUSD"],
      baseTimeframe: "1h",
    });
  });

  it("is the example that comes with the project, without a fault or a warning", () => {
    const url = new URL("../../../examples/strategies/neural-rsi-macd.yaml", import.meta.url);
    const text = readFileSync(url, "utf8");
    expect(faults(text, true)).toEqual([]);
    expect(resolveNeural(parsed(text)).features).toHaveLength(14);
  });
});

describe("faults of a v3 strategy", () => {
  it.each([
    [
      "an unknown indicator type",
      "type: rsi",
      "type: rsii",
      /^7:19 indicators.rsi_14.type: unknown indicator "rsii". Did you mean "rsi"\?/,
    ],
    [
      "a parameter that is a text",
      "period: 14",
      'period: "14"',
      /^7:3\d indicators.rsi_14.period: period is "14"\. .*Give a whole number from 2/,
    ],
    [
      "a fraction for a whole number",
      "period: 14",
      "period: 14.5",
      /period of rsi is 14.5, and must be a whole number/,
    ],
    ["a parameter out of range", "period: 14", "period: 1", /period of rsi is 1, outside 2 to 1000/],
    [
      "a fuzzy set of an unknown indicator",
      "indicator: rsi_14",
      "indicator: rsi_41",
      /fuzzy_sets.momentum.indicator: unknown indicator "rsi_41". Did you mean "rsi_14"\?/,
    ],
    [
      "an output of an indicator with one",
      "indicator: rsi_14",
      "indicator: rsi_14.value",
      /"rsi_14" has one output, and "rsi_14.value" names one/,
    ],
    ["an unknown output", "macd_1.signal", "macd_1.sginal", /has no output "sginal". Did you mean "signal"\?/],
    [
      "an unknown output of a raw input",
      "macd_1.line",
      "macd_1.lien",
      /^20:20 nn_inputs.1.raw_indicator: .*Did you mean "line"/,
    ],
    [
      "an unknown fuzzy set",
      "- fuzzy_set: trend",
      "- fuzzy_set: tredn",
      /nn_inputs.2.fuzzy_set: unknown fuzzy set "tredn". Did you mean "trend"/,
    ],
    [
      "a timeframe outside the training data",
      "    timeframes: [1h]\nmodel",
      "    timeframes: [4h]\nmodel",
      /timeframe "4h" is not in the training data/,
    ],
    [
      "an unknown membership",
      "type: trapezoidal",
      "type: trapezoid",
      /unknown membership "trapezoid". Did you mean "trapezoidal"/,
    ],
    [
      "a membership of the wrong arity",
      "[60, 80, 100, 100]",
      "[60, 80, 100]",
      /trapezoidal has 4 parameters \(left, from, to, right\), and 3 are given/,
    ],
    [
      "a triangle that does not ascend",
      "[0, 20, 40]",
      "[0, 50, 40]",
      /^12:10 fuzzy_sets.momentum.low: .*its points 0, 50, 40 do not ascend/,
    ],
    [
      "a membership that is a text",
      "[0, 20, 40]",
      "low",
      /fuzzy_sets.momentum.low: membership "low" is the text "low"/,
    ],
    [
      "a fuzzy set without memberships",
      "    up: { type: gaussian, parameters: [1, 0.5] }\n",
      "",
      /fuzzy set "trend" has no membership/,
    ],
    [
      "normalization of a fuzzy set",
      "timeframes: all",
      "timeframes: all\n    normalization: zscore",
      /normalization goes with raw_indicator alone/,
    ],
    [
      "an unknown normalization",
      "normalization: zscore",
      "normalization: zscores",
      /normalization is "zscores". Did you mean "zscore"/,
    ],
    ["an unknown timeframe", "list: [5m, 1h]", "list: [5m, 1hour]", /unknown timeframe "1hour"/],
    [
      "a base timeframe that is not there",
      "base_timeframe: 1h",
      "base_timeframe: 4h",
      /base_timeframe "4h" is not among the timeframes/,
    ],
    ["one timeframe in multi_timeframe", "list: [5m, 1h]", "list: [1h]", /mode multi_timeframe names one timeframe/],
    ["mode single without a symbol", ", symbol: EURUSD", "", /mode single names no symbol/],
    [
      "too short a history",
      "training_data:",
      "training_data:\n  history_required: 10",
      /history_required is 10. Give a whole number from 50/,
    ],
    [
      "an unknown output format",
      "output_format: classification",
      "output_format: classify",
      /output_format is "classify"/,
    ],
    [
      "a regression without costs",
      "output_format: classification, confidence_threshold: 0.6",
      "output_format: regression",
      /regression needs round_trip_cost/,
    ],
    ["unknown labels", "source: zigzag", "source: zigzga", /unknown labels "zigzga". Did you mean "zigzag"/],
    ["an mlp without layers", "{ hidden_layers: [8] }", "{}", /an mlp needs hidden_layers/],
    ["an lstm with the keys of an mlp", "type: mlp", "type: lstm", /an lstm needs sequence_length/],
    ["an unknown model", "type: mlp", "type: transformer", /unknown model "transformer"/],
    ["an unknown loss", "epochs: 10", "epochs: 10, loss: hubber", /unknown loss "hubber". Did you mean "huber"/],
    [
      "split parts above 1",
      "epochs: 10",
      "epochs: 10, data_split: { train: 0.8, validation: 0.3 }",
      /the parts of data_split sum to 1.1/,
    ],
    [
      "an unknown data_source",
      "period: 14",
      "period: 14, data_source: fred_DGS10",
      /data_source "fred_DGS10" is no context series/,
    ],
    ["a membership that is a number", "    low: [0", "    3: [0", /a membership is called 3. Begin it with a letter/],
    ["no model", /model: .*\n/, "", /the key "model" is missing. Add model: \{ type: mlp/],
  ])("name %s", (_what, from, to, expected) => {
    const text = GOOD.replace(from, to);
    expect(text).not.toBe(GOOD);
    expect(
      faults(text).some((fault) => expected.test(fault)),
      faults(text).join("\n"),
    ).toBe(true);
  });

  it("are gathered all together, in the order of the file", () => {
    const text = GOOD.replace("type: rsi", "type: rsii")
      .replace("macd_1.signal", "macd_2")
      .replace("[0, 20, 40]", "[1]");
    expect(faults(text).map((fault) => fault.split(":")[0])).toEqual(["7", "12", "15"]);
  });

  it("lead users of version 2 to migrate", () => {
    const text = "name: old\nindicators:\n  - { name: rsi, period: 14 }\nfuzzy_sets: { rsi: { low: [0, 1, 2] } }\n";
    expect(faults(text)[0]).toMatch(/^2:1 indicators: indicators is a list, as in version 2 .*ktrdr strategy migrate/);
  });
});

describe("a setting without effect in a v3 strategy", () => {
  it.each([
    [
      "a key of another system",
      "model:",
      "scope: universal\nmodel:",
      /^ignored-key 25: unknown key "scope" does nothing/,
    ],
    [
      "a date range",
      "training_data:",
      "training_data:\n  date_range: { start: 2020-01-01 }",
      /^ignored-setting 4: date_range does nothing/,
    ],
    [
      "a parameter that the indicator lacks",
      "{ type: macd }",
      "{ type: macd, fast: 3 }",
      /^ignored-parameter 8: macd has no parameter "fast".* Did you mean "fast_period"/,
    ],
    [
      "a parameter that is accepted and ignored",
      "{ type: macd }",
      "{ type: ichimoku, displacement: 20 }",
      /^ignored-parameter 8: displacement does nothing/,
    ],
    [
      "a volume filter",
      "confidence_threshold: 0.6",
      "filters: { volume_filter: true }",
      /volume_filter does nothing: nothing reads it/,
    ],
    [
      "a sequence length in an mlp",
      "hidden_layers: [8]",
      "hidden_layers: [8], sequence_length: 4",
      /sequence_length does nothing in an mlp/,
    ],
    [
      "an indicator that nobody reads",
      "  macd_1:",
      "  spare: { type: sma }\n  macd_1:",
      /^unused-indicator 8: indicator "spare" is not used/,
    ],
    [
      "an input that stands there twice",
      "  - fuzzy_set: trend",
      "  - fuzzy_set: momentum\n    timeframes: [1h]\n  - fuzzy_set: trend",
      /^duplicate-input 17: 2 features stand here twice/,
    ],
    [
      "a text for a list of timeframes",
      "timeframes: [1h]\nmodel",
      "timeframes: 1h\nmodel",
      /timeframes is the text "1h". Write \[1h\], or all/,
    ],
    [
      "context that nobody reads",
      "model:",
      "context_data: [{ provider: fred, series: DGS10 }]\nmodel:",
      /^unused-context 25: no indicator reads this context \(fred_DGS10\)/,
    ],
    ["label_lookahead", "zigzag_threshold: 0.02", "label_lookahead: 5", /label_lookahead does nothing/],
  ])("is a warning: %s", (_what, from, to, expected) => {
    const text = GOOD.replace(from, to)
      .replace("macd_1.signal", to.includes("ichimoku") ? "macd_1.kijun" : "macd_1.signal")
      .replace("macd_1.line", to.includes("ichimoku") ? "macd_1.tenkan" : "macd_1.line");
    expect(
      warnings(text).some((warning) => expected.test(warning)),
      warnings(text).join("\n"),
    ).toBe(true);
    expect(faults(text, true).length).toBeGreaterThan(0);
  });

  it("may be read from context: an indicator over a declared series", () => {
    const text = GOOD.replace("period: 14", "period: 14, data_source: yield_spread_DGS10_DGS2").replace(
      "model:",
      "context_data: [{ provider: fred, series: [DGS10, DGS2] }]\nmodel:",
    );
    expect(faults(text, true)).toEqual([]);
  });
});
