/**
 * Against independent libraries: TA-Lib (talib-web 0.1.3) and tulind 0.8.20 on 300 daily bars. The file and its prices
 * are not part of the project, so this runs only where `../shared` lies beside the repository.
 */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { computeIndicator } from "./compute-indicator.ts";
import { findIndicator } from "./find-indicator.ts";

const shared = fileURLToPath(new URL("../../../shared/", import.meta.url));
const oraclePath = `${shared}oracles/indicators.json`;
const present = existsSync(oraclePath);

/** Both sides round differently; nothing else may differ. Relative to the value, or to 100 where that is larger. */
const TOLERANCE = 1e-11;

interface Oracle {
  firstIndex: Record<string, number>;
  values: Record<string, (number | null)[]>;
}

/** [name in the file, our indicator, its parameters, our output for each of the file's]. */
const CASES: readonly (readonly [string, string, Record<string, number>, Record<string, string>])[] = [
  ["SMA20", "sma", { period: 20 }, { output: "value" }],
  ["EMA20", "ema", { period: 20 }, { output: "value" }],
  ["WMA20", "wma", { period: 20 }, { output: "value" }],
  ["RSI14", "rsi", { period: 14 }, { output: "value" }],
  [
    "MACD_12_26_9",
    "macd",
    { fast_period: 12, slow_period: 26, signal_period: 9 },
    { MACD: "line", MACDSignal: "signal", MACDHist: "histogram" },
  ],
  ["TRANGE", "true_range", {}, { output: "value" }],
  ["ATR14", "atr", { period: 14 }, { output: "value" }],
  ["ADX14", "adx", { period: 14 }, { output: "adx" }],
  ["PLUS_DI14", "adx", { period: 14 }, { output: "plus_di" }],
  ["MINUS_DI14", "adx", { period: 14 }, { output: "minus_di" }],
  ["CCI20", "cci", { period: 20 }, { output: "value" }],
  ["WILLR14", "williams_r", { period: 14 }, { output: "value" }],
  ["ROC10", "roc", { period: 10 }, { output: "value" }],
  ["OBV", "obv", {}, { output: "value" }],
  [
    "BBANDS_20_2",
    "bollinger_bands",
    { period: 20, multiplier: 2 },
    { lower: "lower", middle: "middle", upper: "upper" },
  ],
  ["STOCH_14_3_3", "stochastic", { k_period: 14, smooth_k: 3, d_period: 3 }, { slowK: "k", slowD: "d" }],
  ["STDDEV20", "stddev", { period: 20 }, { output: "value" }],
  ["MFI14", "mfi", { period: 14 }, { output: "value" }],
  ["SAR", "sar", { acceleration: 0.02, maximum: 0.2 }, { output: "value" }],
];

describe.skipIf(!present)(`independent libraries${present ? "" : ` (skipped: ${oraclePath} is not there)`}`, () => {
  it.each(CASES)("agree on %s to 1e-11", (key, name, parameters, outputNames) => {
    const oracle = (JSON.parse(readFileSync(oraclePath, "utf8")) as { indicators: Record<string, Oracle> }).indicators[
      key
    ];
    const declaration = findIndicator(name)!;
    const prices = readPrices(300);
    const outputs = declaration.outputs.map(() => new Float64Array(300));
    const inputs = declaration.inputs.map((column) => prices[column]);
    computeIndicator(declaration, inputs, parameters, outputs);
    for (const [theirs, ours] of Object.entries(outputNames)) {
      const k = declaration.outputs.findIndex((output) => output.name === ours);
      expect(declaration.outputs[k].firstIndex(parameters)).toBe(oracle.firstIndex[theirs]);
      for (const [i, wanted] of oracle.values[theirs].entries()) {
        if (wanted === null) expect(outputs[k][i], `bar ${i}`).toBeNaN();
        else
          expect(Math.abs(outputs[k][i] - wanted) / Math.max(100, Math.abs(wanted)), `bar ${i}`).toBeLessThan(
            TOLERANCE,
          );
      }
    }
  });
});

function readPrices(rows: number): Record<string, Float64Array> {
  const [header, ...lines] = readFileSync(`${shared}data/GOOG_1d.csv`, "utf8").trim().split(/\r?\n/);
  const cells = lines.slice(0, rows).map((line) => line.split(","));
  return Object.fromEntries(
    header.split(",").map((name, column) => [name, Float64Array.from(cells, (row) => Number(row[column]))]),
  );
}
