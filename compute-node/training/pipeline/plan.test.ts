import { expect, it } from "vitest";
import type { NeuralStrategy } from "../../../protocol/strategy-neural.ts";
import { parseStrategyFile, resolveNeural } from "../../strategy/index.ts";
import { type PreparedTraining, trainingPlan } from "./index.ts";

const strategyOf = (model: object, training: object) => ({ model, training }) as unknown as NeuralStrategy;

/** As much of a prepared set as a plan reads. */
const preparedOf = (classNames: string[], validationRows = 10) =>
  ({
    classNames,
    classWeights: classNames.length === 0 ? null : [1, 2, 0],
    set: { inputs: 8, validation: new Uint32Array(validationRows) },
  }) as unknown as PreparedTraining;

const CLASSES = preparedOf(["buy", "hold", "sell"]);
const MLP = { architecture: { hidden_layers: [16, 8] } };

it("a strategy with few settings gets the standard values", () => {
  expect(trainingPlan(strategyOf(MLP, {}), CLASSES)).toEqual({
    network: {
      kind: "mlp",
      inputs: 8,
      hidden: [16, 8],
      outputs: 3,
      activation: "relu",
      dropout: 0.2,
      batchNorm: false,
    },
    options: {
      loss: { kind: "cross_entropy", classWeights: [1, 2, 0] },
      optimiser: { kind: "adam", beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 1e-4 },
      learningRate: 0.001,
      schedule: { kind: "constant" },
      batchRows: 32,
      epochs: 100,
      earlyStopping: null,
      gradientClip: 1,
      seed: 0,
    },
  });
});

it("a regression has one output, the huber loss and no decay", () => {
  const { network, options } = trainingPlan(
    strategyOf({ type: "gru", architecture: { sequence_length: 20 } }, {}),
    preparedOf([]),
  );
  expect(network).toEqual({
    kind: "gru",
    inputs: 8,
    hidden: 64,
    layers: 2,
    outputs: 1,
    dropout: 0.2,
    sequenceLength: 20,
  });
  expect(options.loss).toEqual({ kind: "huber", delta: 0.01 });
  expect(options.optimiser).toMatchObject({ weightDecay: 0 });
  expect(trainingPlan(strategyOf(MLP, { loss: "mse", weight_decay: 0.1 }), preparedOf([])).options).toMatchObject({
    loss: { kind: "mse" },
    optimiser: { weightDecay: 0.1 },
  });
});

it.each<[object, object]>([
  [{ optimizer: "sgd" }, { optimiser: { kind: "sgd", momentum: 0.9, weightDecay: 1e-4 } }],
  [{ optimizer: "rmsprop" }, { optimiser: { kind: "rmsprop", alpha: 0.99, epsilon: 1e-8, weightDecay: 1e-4 } }],
  [{ optimizer: "adamw", weight_decay: 0.01 }, { optimiser: { kind: "adamw", weightDecay: 0.01 } }],
  [{ loss: "focal" }, { loss: { kind: "focal", gamma: 2, classWeights: [1, 2, 0] } }],
  [{ class_weights: "none" }, { loss: { kind: "cross_entropy", classWeights: null } }],
  [{ gradient_clip: 0 }, { gradientClip: null }],
  [{ early_stopping: true }, { earlyStopping: { monitor: "validation_loss", patience: 10, minDelta: 0.001 } }],
  [{ early_stopping: {} }, { earlyStopping: null }],
  [{ early_stopping: { enabled: false, patience: 3 } }, { earlyStopping: null }],
  [
    { early_stopping: { monitor: "val_accuracy", patience: 3, min_delta: 0 } },
    { earlyStopping: { monitor: "validation_accuracy", patience: 3, minDelta: 0 } },
  ],
  [{ lr_scheduler: true }, { schedule: { kind: "reduce_on_plateau", factor: 0.5, patience: 5 } }],
  [{ lr_scheduler: { type: "step" } }, { schedule: { kind: "step", epochs: 30, factor: 0.1 } }],
  [{ lr_scheduler: { type: "exponential", gamma: 0.9 } }, { schedule: { kind: "exponential", factor: 0.9 } }],
  [{ lr_scheduler: { type: "step", enabled: false } }, { schedule: { kind: "constant" } }],
  [
    { seed: 7, epochs: 3, batch_size: 128, learning_rate: 0.01 },
    { seed: 7, epochs: 3, batchRows: 128, learningRate: 0.01 },
  ],
])("%j is taken as it stands", (training, options) => {
  expect(trainingPlan(strategyOf(MLP, training), CLASSES).options).toMatchObject(options);
});

it("nothing stops early without rows that validate", () => {
  const plan = trainingPlan(strategyOf(MLP, { early_stopping: true }), preparedOf(["a", "b"], 0));
  expect(plan.options.earlyStopping).toBeNull();
});

it("a misspelt key under training is named with its place", () => {
  const text = JSON.stringify({
    name: "x",
    training_data: { symbols: { mode: "single", symbol: "X" }, timeframes: { mode: "single", timeframe: "1h" } },
    indicators: { r: { type: "rsi" } },
    fuzzy_sets: {},
    nn_inputs: [{ raw_indicator: "r", timeframes: "all" }],
    model: MLP,
    decisions: {},
    training: {
      early_stopping: { patience: 0, patients: 3 },
      lr_scheduler: { gamma: 2 },
      loss: "mse",
      labels: { source: "triple_barrier", vol_method: "returns" },
    },
  });
  const strategy = parseStrategyFile(text, "x.yaml");
  if (strategy.kind !== "neural") throw new Error("it was read as rules");
  const { faults, warnings } = resolveNeural(strategy);
  expect(faults.map(({ path }) => path.join("."))).toEqual([
    "training.early_stopping.patience",
    "training.lr_scheduler.gamma",
    "training.lr_scheduler",
    "training.loss",
  ]);
  expect(warnings.map(({ path }) => path.join("."))).toEqual([
    "training.early_stopping.patients",
    "training.labels.vol_method",
  ]);
});
