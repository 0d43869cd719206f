/** Reads a strategy's `model` and `training` sections, and fills in the standard values of ktrdr (Python). */
import type { NeuralStrategy } from "../../../protocol/strategy-neural.ts";
import type {
  Activation,
  EarlyStoppingSpec,
  LossSpec,
  NetworkSpec,
  OptimiserSpec,
  ScheduleSpec,
  TrainingOptions,
} from "../network.ts";
import type { PreparedTraining } from "./prepare.ts";

export interface TrainingPlan {
  readonly network: NetworkSpec;
  readonly options: TrainingOptions;
}

type Section = Readonly<Record<string, unknown>>;

/** Batches of an mlp need not be large to be fast; PyTorch users know this one. */
const BATCH_ROWS = 32;

/**
 * The strategy has no faults: `prepareTraining` throws for them. Nothing here is left to chance: the same strategy and
 * set give the same plan.
 */
export function trainingPlan(strategy: NeuralStrategy, prepared: PreparedTraining): TrainingPlan {
  const { training } = strategy;
  const outputs = Math.max(1, prepared.classNames.length);
  const isRegression = prepared.classNames.length === 0;
  const clip = numberOr(training.gradient_clip, 1);
  return {
    network: networkOf(strategy.model, prepared.set.inputs, outputs),
    options: {
      loss: lossOf(training, isRegression, prepared.classWeights),
      optimiser: optimiserOf(training, isRegression),
      learningRate: numberOr(training.learning_rate, 0.001),
      schedule: scheduleOf(training.lr_scheduler),
      batchRows: numberOr(training.batch_size, BATCH_ROWS),
      epochs: numberOr(training.epochs, 100),
      earlyStopping: prepared.set.validation.length === 0 ? null : stoppingOf(training.early_stopping),
      gradientClip: clip > 0 ? clip : null,
      seed: numberOr(training.seed, 0),
    },
  };
}

function networkOf(model: Section, inputs: number, outputs: number): NetworkSpec {
  const architecture = sectionOf(model.architecture);
  const dropout = numberOr(architecture.dropout, 0.2);
  if (model.type === "lstm" || model.type === "gru")
    return {
      kind: model.type,
      inputs,
      hidden: numberOr(architecture.hidden_size, 64),
      layers: numberOr(architecture.num_layers, 2),
      outputs,
      dropout,
      sequenceLength: numberOr(architecture.sequence_length, 1),
    };
  return {
    kind: "mlp",
    inputs,
    hidden: (architecture.hidden_layers ?? []) as number[],
    outputs,
    activation: (architecture.activation ?? "relu") as Activation,
    dropout,
    batchNorm: architecture.batch_norm === true,
  };
}

/** Classes are balanced unless `class_weights: none` says otherwise. */
function lossOf(training: Section, isRegression: boolean, balanced: readonly number[] | null): LossSpec {
  if (isRegression)
    return training.loss === "mse" ? { kind: "mse" } : { kind: "huber", delta: numberOr(training.huber_delta, 0.01) };
  const classWeights = training.class_weights === "none" ? null : balanced;
  return training.loss === "focal"
    ? { kind: "focal", gamma: numberOr(training.focal_gamma, 2), classWeights }
    : { kind: "cross_entropy", classWeights };
}

/** Constants as torch.optim has them; a regression's weights do not decay unless it is asked for. */
function optimiserOf(training: Section, isRegression: boolean): OptimiserSpec {
  const weightDecay = numberOr(training.weight_decay, isRegression ? 0 : 1e-4);
  if (training.optimizer === "sgd") return { kind: "sgd", momentum: 0.9, weightDecay };
  if (training.optimizer === "rmsprop") return { kind: "rmsprop", alpha: 0.99, epsilon: 1e-8, weightDecay };
  const kind = training.optimizer === "adamw" ? "adamw" : "adam";
  return { kind, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay };
}

/** `true` is reduce_on_plateau with its standard values. */
function scheduleOf(given: unknown): ScheduleSpec {
  const scheduler = sectionOf(given);
  const type = given === true ? "reduce_on_plateau" : scheduler.type;
  if (scheduler.enabled === false) return { kind: "constant" };
  if (type === "step")
    return { kind: "step", epochs: numberOr(scheduler.step_size, 30), factor: numberOr(scheduler.gamma, 0.1) };
  if (type === "exponential") return { kind: "exponential", factor: numberOr(scheduler.gamma, 0.95) };
  if (type !== "reduce_on_plateau") return { kind: "constant" };
  return { kind: type, factor: numberOr(scheduler.factor, 0.5), patience: numberOr(scheduler.patience, 5) };
}

/** Off when absent, empty, false, or `enabled: false`; `true` is on with its standard values. */
function stoppingOf(given: unknown): EarlyStoppingSpec | null {
  const stopping = sectionOf(given);
  const isOn = given === true || (Object.keys(stopping).length > 0 && stopping.enabled !== false);
  if (!isOn) return null;
  return {
    monitor: stopping.monitor === "val_accuracy" ? "validation_accuracy" : "validation_loss",
    patience: numberOr(stopping.patience, 10),
    minDelta: numberOr(stopping.min_delta, 0.001),
  };
}

function sectionOf(value: unknown): Section {
  return typeof value === "object" && value !== null ? (value as Section) : {};
}

function numberOr(value: unknown, standard: number): number {
  return typeof value === "number" ? value : standard;
}
