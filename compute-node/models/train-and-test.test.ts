/** The whole way: prices, training set, training, model, file, ONNX, backtest. */
import { InferenceSession, Tensor } from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { HOUR_MS } from "../../protocol/durations.ts";
import { backtestSettings } from "../../protocol/operations/index.ts";
import type { NeuralStrategy } from "../../protocol/strategy-neural.ts";
import { allocateBars } from "../market-data/bars.ts";
import { parseStrategyFile } from "../strategy/index.ts";
import { cpuBackend } from "../training/cpu/backend.ts";
import { prepareTraining, requirePreflight, trainingPlan } from "../training/pipeline/index.ts";
import { TrainingRun } from "../training/train.ts";
import { trainAll } from "../training/turns.ts";
import {
  decodeModel,
  encodeModel,
  executeModelBacktest,
  exportOnnx,
  measureParts,
  modelOutputs,
  trainedModel,
} from "./index.ts";

const ROWS = 1500;

/** A price that goes up and down in a rhythm that its own momentum tells. */
function wave() {
  const bars = allocateBars(ROWS);
  for (let row = 0; row < ROWS; row++) {
    const price = (t: number) => 100 + 10 * Math.sin(t / 8) + Math.sin(t * 1.3);
    bars.timeMs[row] = row * HOUR_MS;
    bars.open[row] = price(row - 1);
    bars.close[row] = price(row);
    bars.high[row] = Math.max(bars.open[row], bars.close[row]) + 0.1;
    bars.low[row] = Math.min(bars.open[row], bars.close[row]) - 0.1;
    bars.volume[row] = 1000;
  }
  return bars;
}

const MLP = { type: "mlp", architecture: { hidden_layers: [16], dropout: 0, batch_norm: true } };
const GRU = { type: "gru", architecture: { hidden_size: 8, num_layers: 1, dropout: 0, sequence_length: 6 } };

function strategyOf(labels: object, decisions: object, model: object = MLP): NeuralStrategy {
  const strategy = parseStrategyFile(
    JSON.stringify({
      name: "wave",
      training_data: { symbols: { mode: "single", symbol: "W" }, timeframes: { mode: "single", timeframe: "1h" } },
      indicators: { speed: { type: "roc", period: 4 }, place: { type: "rsi", period: 10 } },
      fuzzy_sets: { level: { indicator: "place", low: [0, 20, 50], middle: [30, 50, 70], high: [50, 80, 100] } },
      nn_inputs: [
        { fuzzy_set: "level", timeframes: "all" },
        { raw_indicator: "speed", timeframes: "all", normalization: "zscore" },
      ],
      model,
      decisions: { ...decisions, filters: { min_signal_separation: 0 } },
      training: { labels, epochs: 12, learning_rate: 0.02, data_split: { train: 0.5, validation: 0.2, test: 0.3 } },
    }),
    "wave.yaml",
  );
  if (strategy.kind !== "neural") throw new Error("it was read as rules");
  return strategy;
}

async function train(strategy: NeuralStrategy) {
  const bars = wave();
  const prepared = prepareTraining({ strategy, bars: { W: { "1h": bars } } });
  requirePreflight(prepared.report);
  const plan = trainingPlan(strategy, prepared);
  const backend = cpuBackend();
  const run = await TrainingRun.create(backend, { ...plan, set: prepared.set }, "0".repeat(64));
  const [trained] = await trainAll([run]);
  const model = trainedModel({
    name: "wave",
    strategy,
    prepared,
    plan,
    trained,
    metrics: await measureParts(prepared, run.session),
    data: [
      { symbol: "W", timeframe: "1h", sha256: "0".repeat(64), startMs: 0, endMs: (ROWS - 1) * HOUR_MS, bars: ROWS },
    ],
    specSha256: "1".repeat(64),
    codeVersion: "test",
    backend: backend.name,
  });
  return { model, prepared, bars };
}

describe("a strategy that is trained", () => {
  it("leaves a model that knows better than its baselines, and whose file trades out of sample", async () => {
    const { model, prepared, bars } = await train(
      strategyOf({ source: "zigzag", zigzag_threshold: 0.05 }, { confidence_threshold: 0.5 }),
    );
    const { test } = model.manifest.metrics as {
      test: { accuracy: number; baselines: { majority: { accuracy: number } } };
    };
    expect(test.accuracy).toBeGreaterThan(0.75);
    expect(test.accuracy).toBeGreaterThan(test.baselines.majority.accuracy + 0.2);
    expect(model.manifest.training?.history).toHaveLength(12);

    const { bytes, sha256 } = encodeModel(model);
    const read = decodeModel(bytes);
    expect(read).toEqual(model);
    const backtest = await executeModelBacktest({
      model: read,
      modelSha256: sha256,
      symbol: "W",
      bars: { "1h": bars },
      dataSha256: { "1h": "0".repeat(64) },
      startMs: prepared.testMs,
      settings: backtestSettings.parse({}),
    });
    expect(backtest.result.trades.length).toBeGreaterThan(3);
    expect(backtest.result.statistics.returnPercent).toBeGreaterThan(0);
    expect(backtest.result.warnings.some(({ code }) => code === "in-sample-bars")).toBe(false);
  });

  it("gives the same answers in training, in a backtest and in ONNX Runtime", async () => {
    const { model, prepared, bars } = await train(strategyOf({ source: "zigzag", zigzag_threshold: 0.05 }, {}));
    const { outputs } = await modelOutputs(model, { "1h": bars });
    const session = await InferenceSession.create(exportOnnx(model));
    const { set, symbols, features } = prepared;
    const row = set.test[7];
    const bar = row - symbols[0].firstRow + symbols[0].firstBar;
    // The exported graph scales by itself, so its input is not yet scaled.
    const raw = Float32Array.from(
      features,
      ({ offset, factor }, k) => set.features[row * set.inputs + k] / factor + offset,
    );
    const answer = await session.run({ features: new Tensor("float32", raw, [1, set.inputs]) });
    for (let k = 0; k < 3; k++) expect(outputs[3 * bar + k]).toBeCloseTo(Number(answer.outputs.data[k]), 4);
    await session.release();
  });

  it("may be recurrent", async () => {
    const { model, bars } = await train(strategyOf({ source: "zigzag", zigzag_threshold: 0.05 }, {}, GRU));
    const { test } = model.manifest.metrics as { test: { accuracy: number } };
    expect(test.accuracy).toBeGreaterThan(0.7);
    const { outputs, firstRow } = await modelOutputs(decodeModel(encodeModel(model).bytes), { "1h": bars });
    expect(outputs.subarray(3 * firstRow).every(Number.isFinite)).toBe(true);
  });

  it("may predict returns", async () => {
    const costs = { output_format: "regression", cost_model: { round_trip_cost: 0.001, min_edge_multiplier: 1 } };
    const { model } = await train(strategyOf({ source: "forward_return", horizon: 5 }, costs));
    const { test } = model.manifest.metrics as { test: { kind: string; r2: number; signAccuracy: number } };
    expect(test.kind).toBe("regression");
    expect(test.r2).toBeGreaterThan(0.3);
    expect(test.signAccuracy).toBeGreaterThan(0.7);
  });

  it("is the same bytes each time", async () => {
    const strategy = strategyOf({ source: "context" }, {});
    const [first, second] = [await train(strategy), await train(strategy)];
    expect(encodeModel(first.model).sha256).toBe(encodeModel(second.model).sha256);
  });
});
