import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HOUR_MS } from "../../protocol/durations.ts";
import { backtestSettings } from "../../protocol/operations/index.ts";
import { decodeBacktestResult } from "../../results/index.ts";
import { type BarColumns, barsBetween } from "../market-data/bars.ts";
import { computeFeatures } from "../strategy/index.ts";
import type { NetworkSpec } from "../training/network.ts";
import { walkBars } from "../training/pipeline/labels/testing/series.ts";
import { referenceBackend } from "../training/reference/backend.ts";
import { executeModelBacktest, type Model, modelOutputs, modelSignals, networkOutputs } from "./index.ts";
import { modelOf } from "./testing/models.ts";

const MLP = {
  kind: "mlp",
  inputs: 3,
  hidden: [5],
  outputs: 3,
  activation: "tanh",
  dropout: 0,
  batchNorm: true,
} as const;
const LSTM = { kind: "lstm", inputs: 3, hidden: 4, layers: 1, outputs: 3, dropout: 0, sequenceLength: 6 } as const;
const SCALE = { kind: "zscore", offset: 0.5, factor: 0.2 } as const;
const anyNetwork = fc.constantFrom<NetworkSpec>(MLP, LSTM);
const [bars] = fc.sample(walkBars(400, 400), { numRuns: 1, seed: 11 });
const options = { backend: referenceBackend };

describe("a model over bars", () => {
  it("answers each bar from its own scaled features, once they are defined", async () => {
    const model = modelOf(MLP, SCALE);
    const { outputs, firstRow } = await modelOutputs(model, { "1h": bars }, options);
    const matrix = computeFeatures(model.manifest.strategy, { "1h": bars });
    expect(firstRow).toBe(matrix.firstRow);
    expect(outputs.subarray(0, 3 * firstRow).every(Number.isNaN)).toBe(true);
    for (const bar of [firstRow, 100, 399]) {
      const features = Float32Array.from(matrix.columns, (column, k) => (column[bar] - 0.5 * (k + 1)) * 0.2);
      const rows = Uint32Array.of(0);
      const expected = await networkOutputs(referenceBackend, MLP, model.parameters, { features, rows });
      expect([...outputs.subarray(3 * bar, 3 * bar + 3)]).toEqual([...expected]);
    }
  });

  it("with a recurrent network waits for its first whole window", async () => {
    const mlp = await modelOutputs(modelOf(MLP), { "1h": bars }, options);
    const lstm = await modelOutputs(modelOf(LSTM), { "1h": bars }, options);
    expect(lstm.firstRow).toBe(mlp.firstRow + LSTM.sequenceLength - 1);
  });

  it("depends on no later bar", async () => {
    await fc.assert(
      fc.asyncProperty(anyNetwork, fc.integer({ min: 30, max: 400 }), async (network, length) => {
        const model = modelOf(network, SCALE);
        const whole = await modelOutputs(model, { "1h": bars }, options);
        const part = await modelOutputs(model, { "1h": barsBetween(bars, 0, length) }, options);
        expect(part.outputs).toEqual(whole.outputs.subarray(0, 3 * length));
      }),
      { numRuns: 15 },
    );
  });

  it("answers by its own list of features, whatever order the strategy has now", async () => {
    const model = modelOf(MLP);
    const strategy = { ...model.manifest.strategy, nn_inputs: model.manifest.strategy.nn_inputs.toReversed() };
    const other = { ...model, manifest: { ...model.manifest, strategy } };
    const before = await modelOutputs(model, { "1h": bars }, options);
    expect(await modelOutputs(other, { "1h": bars }, options)).toEqual(before);
    const features = model.manifest.features.map((feature, k) =>
      k === 0 ? { ...feature, name: "1h_other_raw" } : feature,
    );
    const unknown = { ...model, manifest: { ...model.manifest, features } };
    await expect(modelOutputs(unknown, { "1h": bars }, options)).rejects.toThrow(/no feature "1h_other_raw"/);
  });

  it("gives the same on the CPU's kernels", async () => {
    const model = modelOf(MLP, SCALE);
    const slow = await modelOutputs(model, { "1h": bars }, options);
    const fast = await modelOutputs(model, { "1h": bars });
    expect(fast.firstRow).toBe(slow.firstRow);
    for (let k = 3 * slow.firstRow; k < slow.outputs.length; k++)
      expect(Math.abs(fast.outputs[k] - slow.outputs[k])).toBeLessThan(1e-4);
  });

  it("with regimes as its answer never trades, and says so", async () => {
    const model = modelOf(MLP);
    const strategy = { ...model.manifest.strategy, training: { labels: { source: "regime" } } };
    const regime = { ...model, manifest: { ...model.manifest, strategy } };
    await expect(modelSignals(regime, { "1h": bars }, options)).rejects.toThrow(/A regime model names/);
  });
});

/** Buys after a fall and sells after a rise. */
function trader(): Model {
  const network = { ...MLP, hidden: [], batchNorm: false };
  const model = modelOf(network, SCALE);
  // Rows of weights: buy, hold, sell, each for three inputs; then their biases.
  model.parameters.set([-1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
  return model;
}

describe("a backtest of a model", () => {
  const settings = backtestSettings.parse({ commissionRate: 0.001 });
  const request = (model: Model, own: BarColumns = bars) => ({
    model,
    modelSha256: "a".repeat(64),
    symbol: "X",
    bars: { "1h": own },
    dataSha256: { "1h": "b".repeat(64) },
    settings,
    ...options,
  });

  it("is the same bytes each time, with the trades of the model's signals", async () => {
    const model = trader();
    const [first, second] = [await executeModelBacktest(request(model)), await executeModelBacktest(request(model))];
    expect(first.sha256).toBe(second.sha256);
    const result = decodeBacktestResult(first.bytes);
    expect(result).toMatchObject({ strategyName: "test", symbol: "X", timeframe: "1h", bars: 400 });
    const signals = await modelSignals(model, { "1h": bars }, options);
    const entries = signals.entryLong.map((entry, bar) => entry || signals.entryShort[bar]);
    expect(result.trades.length).toBeGreaterThan(0);
    for (const { entryBar } of result.trades) expect(entries[entryBar - 1]).toBe(1);
    expect(first.summary).toMatchObject({ model_sha256: "a".repeat(64), holds: signals.holds });
  });

  it("sees no bar outside its range", async () => {
    const model = modelOf(MLP);
    const [startMs, endMs] = [50 * HOUR_MS, 299 * HOUR_MS];
    const ranged = await executeModelBacktest({ ...request(model), startMs, endMs });
    const cut = await executeModelBacktest(request(model, barsBetween(bars, 50, 300)));
    expect(ranged.result.trades).toEqual(cut.result.trades);
    expect(ranged.result.hashes.spec).not.toBe(cut.result.hashes.spec);
    await expect(executeModelBacktest({ ...request(model), startMs: 10_000 * HOUR_MS })).rejects.toThrow(
      /No bar of X 1h/,
    );
  });

  it("without the bars that it decides on is refused", async () => {
    const given = { ...request(modelOf(MLP)), bars: { "4h": bars } };
    await expect(executeModelBacktest(given)).rejects.toThrow(/decides on 1h bars, and none of X are given/);
  });

  it("warns of bars that the model was trained on", async () => {
    const model = modelOf(MLP);
    const learnt = { ...model.manifest.data[0], startMs: 0, endMs: 99 * HOUR_MS };
    const manifest = { ...model.manifest, data: [learnt], split: { validationMs: 60 * HOUR_MS, testMs: 80 * HOUR_MS } };
    const { result } = await executeModelBacktest(request({ ...model, manifest }));
    expect(result.warnings.find(({ code }) => code === "in-sample-bars")).toMatchObject({ count: 80 });
    const fresh = await executeModelBacktest({ ...request({ ...model, manifest }), startMs: 80 * HOUR_MS });
    expect(fresh.result.warnings.some(({ code }) => code === "in-sample-bars")).toBe(false);
  });

  it("warns of bars at which the network's answer is no number", async () => {
    const model = trader();
    model.parameters.fill(Number.NaN);
    const { result } = await executeModelBacktest(request(model));
    expect(result.warnings.find(({ code }) => code === "output-undefined")?.count).toBeGreaterThan(300);
    expect(result.trades).toEqual([]);
  });
});
