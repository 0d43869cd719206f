import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { Problem } from "../../../protocol/problem.ts";
import { parseStrategyFile, validateStrategy } from "../index.ts";
import { migrateStrategy } from "./migrate.ts";
import { resolveNeural } from "./resolve.ts";

const OLD = `# My first strategy
name: old
version: "2.0"
scope: universal
training_data:
  symbols: { mode: single, symbol: EURUSD }
  timeframes: { mode: multi_timeframe, list: [1h, 4h] }
indicators:
  - name: rsi
    feature_id: rsi_14
    period: 14
  - { name: macd, feature_id: macd_12, params: { fast_period: 12 } }
fuzzy_sets:
  rsi_14: # how strong
    oversold: [0, 20, 40]
    overbought: { type: triangular, parameters: [60, 80, 100] }
  macd_12.signal:
    up: [0, 1, 2]
model: { type: mlp, architecture: { hidden_layers: [8] } }
decisions: { output_format: classification }
training: { epochs: 3 }
`;

describe("migration to version 3", () => {
  it("gives a file that is valid and has the same words in the same order", () => {
    const { text, warnings } = migrateStrategy(OLD);
    const strategy = parseStrategyFile(text, "new.yaml");
    expect(strategy.kind).toBe("neural");
    expect(validateStrategy(strategy)).toEqual([]);
    expect(warnings).toEqual(['"scope" was removed: version 3 has no such key']);
    if (strategy.kind !== "neural") return;
    expect(resolveNeural(strategy).features.map(({ name }) => name)).toEqual([
      "1h_rsi_14_oversold",
      "1h_rsi_14_overbought",
      "4h_rsi_14_oversold",
      "4h_rsi_14_overbought",
      "1h_macd_12.signal_up",
      "4h_macd_12.signal_up",
    ]);
    expect(strategy.fuzzy_sets["macd_12.signal"].indicator).toBe("macd_12.signal");
    expect(strategy.indicators.macd_12).toEqual({ type: "macd", fast_period: 12 });
  });

  it("keeps comments", () => {
    const { text } = migrateStrategy(OLD);
    expect(text).toContain("# My first strategy");
    expect(text).toContain("# how strong");
  });

  it("brings version 1 to training_data, and names its guesses", () => {
    const old =
      "name: one\ndata: { symbols: [A, B], timeframes: [1d] }\nindicators: [{ name: sma, period: 5 }]\nfuzzy_sets: { sma: { low: [0, 1, 2] }, odd: { low: [0, 1, 2] } }\n";
    const { text, warnings } = migrateStrategy(old);
    const { training_data: data, fuzzy_sets: sets } = parse(text);
    expect(data.symbols).toEqual({ mode: "multi_symbol", list: ["A", "B"] });
    expect(data.timeframes).toEqual({ mode: "single", timeframe: "1d" });
    expect(sets.sma.indicator).toBe("sma_5");
    expect(warnings).toContain('no indicator fits the fuzzy set "odd": correct its indicator');
    expect(warnings).toContain('"model" was missing and is empty now: fill it in');
  });

  it("leaves version 3 as it is, so that migrating twice is migrating once", () => {
    const { text } = migrateStrategy(OLD);
    expect(migrateStrategy(text)).toEqual({
      text,
      warnings: ["the file is version 3 already; nothing was changed"],
    });
  });

  it("refuses files that are not fuzzy-neural strategies", () => {
    expect(() => migrateStrategy("name: x\nentries: { long: close > 1 }\n")).toThrow(Problem);
    expect(() => migrateStrategy("- 1")).toThrow("no list of indicators");
  });
});
