import { describe, expect, it } from "vitest";
import { type ModelBacktestSpec, modelBacktestSpec } from "../../protocol/operations/index.ts";
import { allocateBars } from "../market-data/bars.ts";
import { encodeModel, runModelBacktest } from "./index.ts";
import { modelOf } from "./testing/models.ts";

const network = {
  kind: "mlp",
  inputs: 2,
  hidden: [3],
  outputs: 3,
  activation: "relu",
  dropout: 0,
  batchNorm: false,
} as const;
const encoded = encodeModel(modelOf(network));
const dataset = { bars: rising(60), sha256: "9".repeat(64) };

function rising(rows: number) {
  const bars = allocateBars(rows);
  for (let row = 0; row < rows; row++) {
    const price = 100 + row + 3 * Math.sin(row);
    bars.timeMs[row] = row * 3_600_000;
    for (const column of [bars.open, bars.high, bars.low, bars.close]) column[row] = price;
  }
  return bars;
}

function specOf(data: object[], sha256 = encoded.sha256): ModelBacktestSpec {
  return modelBacktestSpec.parse({ kind: "model_backtest", model: { sha256 }, data });
}

function run(spec: ModelBacktestSpec, model: Uint8Array = encoded.bytes) {
  return runModelBacktest({ spec, datasets: spec.data.map(() => dataset), model });
}

describe("a model's backtest as it is asked for", () => {
  it("tests the range of the first dataset, and names the model", async () => {
    const { result, summary } = await run(specOf([{ symbol: "Y", timeframe: "1h", startMs: 10 * 3_600_000 }]));
    expect(result).toMatchObject({ symbol: "Y", timeframe: "1h", bars: 50 });
    expect(summary).toMatchObject({ model_sha256: encoded.sha256 });
  });

  it("refuses bytes that are not those of the model, and bytes that are no model", async () => {
    const spec = specOf([{ symbol: "Y", timeframe: "1h" }], "0".repeat(64));
    await expect(run(spec)).rejects.toThrow(`has the SHA-256 ${encoded.sha256}`);
    const cut = encoded.bytes.subarray(0, encoded.bytes.length - 4);
    await expect(run(specOf([{ symbol: "Y", timeframe: "1h" }]), cut)).rejects.toThrow("SHA-256");
  });

  it("refuses several symbols, and a timeframe that the model does not read or that is there twice", async () => {
    const hours = { symbol: "Y", timeframe: "1h" };
    await expect(run(specOf([hours, { symbol: "Z", timeframe: "1h" }]))).rejects.toThrow("names Y and Z");
    await expect(run(specOf([hours, { symbol: "Y", timeframe: "1d" }]))).rejects.toThrow("1d is too much");
    await expect(run(specOf([hours, hours]))).rejects.toThrow("1h is too much");
  });
});
