/** Summarises a training run for lists and the registry, in wire spelling. The model itself holds everything. */
import type { ModelManifest } from "../models/index.ts";
import type { NetworkSpec } from "../training/index.ts";
import type { Finding, PartMetrics } from "../training/pipeline/index.ts";

export type TrainingSummary = Readonly<Record<string, unknown>>;

/** A summary stays small for every strategy. */
const LISTED = 20;
const LONGEST_LINE = 300;

/** Small for every run: `manifest` and `findings` are cut. */
export function summaryOf(manifest: ModelManifest, findings: readonly Finding[]): TrainingSummary {
  const { name, network, data, training, metrics } = manifest;
  const parts = metrics as Readonly<Record<string, PartMetrics>>;
  return {
    model: name,
    network: networkText(network),
    symbols: distinct(data.map(({ symbol }) => symbol)),
    timeframes: distinct(data.map(({ timeframe }) => timeframe)),
    epochs: training?.history.length ?? 0,
    best_epoch: training?.bestEpoch ?? 0,
    end: training?.end ?? null,
    backend: training?.backend ?? null,
    seed: training?.seed ?? null,
    examples: { ...training?.examples },
    ...bestEpoch(training),
    ...testAccuracy(parts.test),
    ...Object.fromEntries(Object.entries(parts).map(([part, of]) => [part, partSummary(of)])),
    warnings: findings.slice(0, LISTED).map(({ message }) => message.slice(0, LONGEST_LINE)),
    data_sha256: distinct(data.map(({ sha256 }) => sha256)),
  };
}

/** Such as `mlp 12-32-16-3`, or `lstm 12-64x2-3, 30 rows`. */
function networkText(network: NetworkSpec): string {
  if (network.kind === "mlp") {
    return `mlp ${[network.inputs, ...network.hidden, network.outputs].join("-")}`.slice(0, LONGEST_LINE);
  }
  const { kind, inputs, hidden, layers, outputs, sequenceLength } = network;
  return `${kind} ${inputs}-${hidden}x${layers}-${outputs}, ${sequenceLength} rows`;
}

/** Losses of the epoch whose weights were kept. */
function bestEpoch(training: ModelManifest["training"]): TrainingSummary {
  const record = training?.history.find(({ epoch }) => epoch === training.bestEpoch);
  if (record === undefined) return {};
  return {
    training_loss: record.trainingLoss,
    training_accuracy: record.trainingAccuracy,
    validation_loss: record.validationLoss,
    validation_accuracy: record.validationAccuracy,
  };
}

/** On its own as well, for lists of models. */
function testAccuracy(test: PartMetrics | undefined): TrainingSummary {
  return test?.kind === "classification" ? { test_accuracy: test.accuracy } : {};
}

/** The few figures of a part, next to answers that need no network. */
function partSummary(metrics: PartMetrics): TrainingSummary {
  if (metrics.kind === "classification") {
    const { rows, accuracy, loss, macroF1, baselines, calibration } = metrics;
    return {
      rows,
      accuracy,
      loss,
      macro_f1: macroF1,
      calibration_error: calibration.expectedError,
      baselines: { majority: baselines.majority.accuracy, persistence: baselines.persistence },
    };
  }
  const { rows, meanAbsoluteError, r2, signAccuracy, baselines } = metrics;
  return {
    rows,
    mean_absolute_error: meanAbsoluteError,
    r2,
    sign_accuracy: signAccuracy,
    baselines: {
      mean: baselines.mean,
      persistence: baselines.persistence,
      majority_sign: baselines.majoritySign,
    },
  };
}

function distinct(values: readonly string[]): string[] {
  const all = [...new Set(values)];
  return all.length <= LISTED ? all : [...all.slice(0, LISTED), `and ${all.length - LISTED} more`];
}
