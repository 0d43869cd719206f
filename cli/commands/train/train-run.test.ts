import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadSample, MarketDataStore } from "../../../compute-node/market-data/index.ts";
import { decodeModel } from "../../../compute-node/models/index.ts";
import { smallStrategy } from "../../../compute-node/training-job/testing/small-spec.ts";
import { runCommand } from "../../program.ts";
import { testSurroundings } from "../../testing/collector.ts";
import { modelNameOf } from "./train-run.ts";

let folder: string;
let strategyFile: string;
let modelFile: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "ktrdr-train-"));
  strategyFile = join(folder, "small.yaml");
  modelFile = join(folder, "small.safetensors");
  // JSON is YAML.
  writeFileSync(strategyFile, JSON.stringify(smallStrategy()));
  const sample = await loadSample("SP500");
  await new MarketDataStore(join(folder, "data")).put(sample.bars, sample);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function ktrdr(...words: string[]) {
  const surroundings = testSurroundings({ KTRDR_HOME: folder });
  const code = await runCommand(words, surroundings);
  return { code, out: surroundings.stdout.text(), err: surroundings.stderr.text() };
}

describe("ktrdr train --local", () => {
  it("shows metrics beside their baselines, confusions, calibration and the learning curve", async () => {
    const { code, out, err } = await ktrdr("train", strategyFile, "--local", "--out", modelFile, "--report");
    expect(code).toBe(0);
    expect(out).toMatch(/^Network +mlp of 4, 8, 3 units, 67 weights$/m);
    expect(out).toMatch(/^Training loss +[▁-█]{6} +\d\.\d+ to \d\.\d+$/m);
    expect(out).toMatch(/^Accuracy +\d+\.\d % +\d+\.\d %$/m);
    expect(out).toMatch(/^ {2}always buy +\d+\.\d % +\d+\.\d %$/m);
    expect(out).toContain("Confusion matrix, test part");
    expect(out).toContain("Calibration, test part");
    expect(out).toContain(`ktrdr backtest --model-file ${modelFile} --symbol SP500 --from 2017-03-22`);
    expect(err).toMatch(/\d+ training, \d+ validation and \d+ test examples of 4 features/);
    expect(decodeModel(readFileSync(modelFile)).manifest.name).toBe("small");
    const report = join(folder, "reports", "small.html");
    expect(readFileSync(report, "utf8")).toContain('<h2 id="curve-heading">Learning curve</h2>');
  });

  it("prints one JSON document in the wire's spelling", async () => {
    const { out } = await ktrdr("train", strategyFile, "--local", "--json", "--epochs", "2", "--seed", "8");
    const document = JSON.parse(out);
    expect(document).toMatchObject({ operation_id: null, model: "small", version: null });
    expect(document.manifest.training).toMatchObject({ seed: 8, best_epoch: expect.any(Number) });
    expect(document.manifest.training.history).toHaveLength(2);
  });

  it("makes a model file that a backtest takes, on the symbol that it learnt from", async () => {
    await ktrdr("train", strategyFile, "--local", "--out", modelFile);
    const { code, out, err } = await ktrdr("backtest", "--model-file", modelFile, "--from", "2018", "--json");
    expect(code).toBe(0);
    expect(err).toContain("Using SP500");
    expect(JSON.parse(out).result).toMatchObject({ symbol: "SP500", timeframe: "1d", strategy_name: "small" });
  });

  it("makes a model whose report can be written later", async () => {
    await ktrdr("train", strategyFile, "--local", "--out", modelFile);
    const report = join(folder, "later.html");
    expect((await ktrdr("report", modelFile, "-o", report)).code).toBe(0);
    expect(readFileSync(report, "utf8")).toContain("Confusion matrix, test part");
  });

  it("refuses a strategy of rules, and one whose data is not here, with the cure", async () => {
    const rules = await ktrdr("train", "examples/strategies/sma-cross.yaml", "--local");
    expect(rules.code).toBe(1);
    expect(rules.err).toMatch(/holds rules: there is nothing to train\.\n {2}cure: .*--kind neural/);
    const elsewhere = await ktrdr("train", "examples/strategies/neural-rsi-macd.yaml", "--local");
    expect(elsewhere.err).toMatch(/There is no [14]h data of EURUSD here/);
    expect(existsSync(modelFile)).toBe(false);
  });
});

describe("ktrdr backtest with a model", () => {
  it.each([
    [["backtest", "s.yaml", "--model-file", "m"], "A model brings its own strategy"],
    [["backtest", "--model", "m", "--model-file", "m"], "exclude each other"],
    [["backtest", "--model-file", "m", "--set", "fast=1"], "--set does nothing with a model"],
    [["backtest", "--model-file", "m", "--timeframe", "1d"], "--timeframe does nothing with a model"],
    [["backtest", "--model-file", "m", "--detach"], "--model-file runs here"],
  ])("%j is wrong usage", async (words, message) => {
    const { code, err } = await ktrdr(...words);
    expect(code).toBe(2);
    expect(err).toContain(message);
  });

  it("names the fault of a file that is no model", async () => {
    const missing = await ktrdr("backtest", "--model-file", join(folder, "none"));
    expect(missing.err).toContain("cannot be read (ENOENT)");
    writeFileSync(modelFile, "not a model");
    const other = await ktrdr("backtest", "--model-file", modelFile);
    expect(other.code).toBe(1);
    expect(other.err).toMatch(/safetensors/);
  });
});

it("a strategy's name becomes one that a model may have", () => {
  expect(modelNameOf("RSI & trend (v2)")).toBe("RSI-trend-v2-");
  expect(modelNameOf("_x")).toBe("x");
  expect(modelNameOf("ä")).toBe("model");
});
