/**
 * Describes a training's network, options and data: the plain data that the pipeline, the CPU backend and the GPU backend share, and
 * the interface of a backend. The arithmetic follows PyTorch's definitions (torch.nn, torch.optim), so that a model
 * means the same there.
 */

export const ACTIVATIONS = ["relu", "leaky_relu", "tanh", "sigmoid"] as const;
export type Activation = (typeof ACTIVATIONS)[number];

/** Slope of `leaky_relu` below zero. */
export const LEAKY_SLOPE = 0.01;
/** Batch norm: added to the variance, and the share of a batch in the running statistics. */
export const BATCH_NORM_EPSILON = 1e-5;
export const BATCH_NORM_MOMENTUM = 0.1;

/** Per hidden layer: linear, batch norm if asked for, activation, dropout; then linear to the outputs. */
export interface MlpSpec {
  readonly kind: "mlp";
  readonly inputs: number;
  readonly hidden: readonly number[];
  /** Classes, or 1 for a regression. Raw logits or a raw value. */
  readonly outputs: number;
  readonly activation: Activation;
  /** Probability that a hidden value is set to zero in training; the others are divided by (1 - dropout). */
  readonly dropout: number;
  readonly batchNorm: boolean;
}

/**
 * Stacked LSTM or GRU layers of one width over a window of rows, with dropout between the layers; then the last
 * layer's state after the last row, dropout, linear to the outputs. States start at zero.
 */
export interface RecurrentSpec {
  readonly kind: "lstm" | "gru";
  readonly inputs: number;
  readonly hidden: number;
  readonly layers: number;
  readonly outputs: number;
  readonly dropout: number;
  /** Rows in a window. */
  readonly sequenceLength: number;
}

export type NetworkSpec = MlpSpec | RecurrentSpec;

/** Class weights are one per output; `null` is 1 for each. */
export type LossSpec =
  /** Weighted by class and divided by the sum of the weights of the batch's rows. */
  | { readonly kind: "cross_entropy"; readonly classWeights: readonly number[] | null }
  /** -w (1 - p)^gamma log p, divided by the number of rows (Lin et al. 2017, Focal Loss, eq. 5). */
  | { readonly kind: "focal"; readonly gamma: number; readonly classWeights: readonly number[] | null }
  /** e²/2 up to |e| = delta, then delta (|e| - delta/2); the mean over the rows. */
  | { readonly kind: "huber"; readonly delta: number }
  | { readonly kind: "mse" };

/** `weightDecay` is added to the gradient (L2), but for `adamw`, where it shrinks the weights apart from it. */
export type OptimiserSpec =
  | {
      readonly kind: "adam" | "adamw";
      readonly beta1: number;
      readonly beta2: number;
      readonly epsilon: number;
      readonly weightDecay: number;
    }
  | { readonly kind: "sgd"; readonly momentum: number; readonly weightDecay: number }
  | { readonly kind: "rmsprop"; readonly alpha: number; readonly epsilon: number; readonly weightDecay: number };

/** Changes the learning rate after an epoch, as torch.optim.lr_scheduler does. */
export type ScheduleSpec =
  | { readonly kind: "constant" }
  /** Times `factor` every `epochs`. */
  | { readonly kind: "step"; readonly epochs: number; readonly factor: number }
  | { readonly kind: "exponential"; readonly factor: number }
  /** Times `factor` when more than `patience` epochs brought no validation loss below best x (1 - 1e-4). */
  | { readonly kind: "reduce_on_plateau"; readonly factor: number; readonly patience: number };

/** Stops after `patience` epochs in a row without an improvement of `minDelta` over the best. */
export interface EarlyStoppingSpec {
  readonly monitor: "validation_loss" | "validation_accuracy";
  readonly patience: number;
  readonly minDelta: number;
}

export interface TrainingOptions {
  readonly loss: LossSpec;
  readonly optimiser: OptimiserSpec;
  readonly learningRate: number;
  readonly schedule: ScheduleSpec;
  /** Rows (or windows) in a batch; an epoch's last batch may be smaller. */
  readonly batchRows: number;
  readonly epochs: number;
  readonly earlyStopping: EarlyStoppingSpec | null;
  /** Largest L2 norm of the whole gradient; `null` does not clip. */
  readonly gradientClip: number | null;
  /** An integer from 0 to 2^32 - 1: initial weights, order of the rows, dropout. */
  readonly seed: number;
}

/** Class of each row, or what a regression should answer for it. */
export type Labels =
  | { readonly kind: "classes"; readonly values: Uint8Array }
  | { readonly kind: "values"; readonly values: Float32Array };

/**
 * A matrix of rows in order of time, and the use of each. A row that is named in `training`, `validation`
 * or `test` stands for one example: for a recurrent network the window of `sequenceLength` rows that ends there, which
 * the maker of the set guarantees to be within one symbol and one part of the split. Windows share the rows; nothing
 * is copied. Buffers may be SharedArrayBuffers.
 */
export interface TrainingSet {
  /** [row, input], row-major; finite everywhere. */
  readonly features: Float32Array;
  readonly inputs: number;
  /** One per row of `features`; read only where an example ends. */
  readonly labels: Labels;
  readonly training: Uint32Array;
  readonly validation: Uint32Array;
  readonly test: Uint32Array;
  /**
   * Rows in the window that ends at each row, where windows differ in length (1 to `sequenceLength`); absent: all are
   * `sequenceLength` long.
   */
  readonly windowRows?: Uint16Array;
}

/** Where one tensor stands in the flat array of all weights. */
export interface ParameterTensor {
  /** As in a PyTorch state dict. */
  readonly name: string;
  /** Row-major. */
  readonly shape: readonly number[];
  readonly offset: number;
  readonly length: number;
  /** Its first values: uniform in ±bound, or all the same. */
  readonly initial: { readonly bound: number } | { readonly value: number };
}

/** The flat array: first the optimiser's parameters, then batch norm's statistics (running mean and variance). */
export interface ParameterLayout {
  readonly tensors: readonly ParameterTensor[];
  /** Floats in all. */
  readonly length: number;
  /** Floats that the optimiser changes; they come first. */
  readonly trainableLength: number;
}

/**
 * The tensors of a network, in order.
 * mlp: `layers.N.weight` [out, in], `layers.N.bias` [out], and for a hidden layer with batch norm `norms.N.weight`,
 * `norms.N.bias`; at the end `norms.N.running_mean`, `norms.N.running_var`.
 * lstm, gru: `rnn.weight_ih_lN` [gates x hidden, in], `rnn.weight_hh_lN` [gates x hidden, hidden], `rnn.bias_ih_lN`,
 * `rnn.bias_hh_lN` (gates i, f, g, o or r, z, n), then `head.weight` [outputs, hidden], `head.bias`.
 * Initial bounds are PyTorch's defaults: 1/sqrt(fan in) for a linear layer, 1/sqrt(hidden) for a recurrent one.
 */
export function parameterLayout(network: NetworkSpec): ParameterLayout {
  const trainable = network.kind === "mlp" ? mlpTensors(network) : recurrentTensors(network);
  const kept = network.kind === "mlp" && network.batchNorm ? network.hidden.flatMap(runningTensors) : [];
  let offset = 0;
  const placed = [...trainable, ...kept].map((tensor): ParameterTensor => {
    const length = tensor.shape.reduce((product, size) => product * size, 1);
    const at = offset;
    offset += length;
    return { ...tensor, offset: at, length };
  });
  const trainableLength = placed.slice(0, trainable.length).reduce((sum, { length }) => sum + length, 0);
  return { tensors: placed, length: offset, trainableLength };
}

type Unplaced = Omit<ParameterTensor, "offset" | "length">;

function linearTensors(name: string, inputs: number, outputs: number): Unplaced[] {
  const initial = { bound: 1 / Math.sqrt(inputs) };
  return [
    { name: `${name}.weight`, shape: [outputs, inputs], initial },
    { name: `${name}.bias`, shape: [outputs], initial },
  ];
}

function mlpTensors(network: MlpSpec): Unplaced[] {
  const widths = [network.inputs, ...network.hidden, network.outputs];
  return widths.slice(1).flatMap((width, layer) => {
    const linear = linearTensors(`layers.${layer}`, widths[layer], width);
    if (!network.batchNorm || layer === network.hidden.length) return linear;
    return [
      ...linear,
      { name: `norms.${layer}.weight`, shape: [width], initial: { value: 1 } },
      { name: `norms.${layer}.bias`, shape: [width], initial: { value: 0 } },
    ];
  });
}

function runningTensors(width: number, layer: number): Unplaced[] {
  return [
    { name: `norms.${layer}.running_mean`, shape: [width], initial: { value: 0 } },
    { name: `norms.${layer}.running_var`, shape: [width], initial: { value: 1 } },
  ];
}

/** Gates of a recurrent cell. */
export function gateCount(kind: RecurrentSpec["kind"]): number {
  return kind === "lstm" ? 4 : 3;
}

function recurrentTensors(network: RecurrentSpec): Unplaced[] {
  const { hidden, layers } = network;
  const gates = gateCount(network.kind) * hidden;
  const initial = { bound: 1 / Math.sqrt(hidden) };
  const cells = Array.from({ length: layers }, (_, layer): Unplaced[] => [
    { name: `rnn.weight_ih_l${layer}`, shape: [gates, layer === 0 ? network.inputs : hidden], initial },
    { name: `rnn.weight_hh_l${layer}`, shape: [gates, hidden], initial },
    { name: `rnn.bias_ih_l${layer}`, shape: [gates], initial },
    { name: `rnn.bias_hh_l${layer}`, shape: [gates], initial },
  ]);
  return [...cells.flat(), ...linearTensors("head", hidden, network.outputs)];
}

/** Counts the arrays of moments that an optimiser keeps: two for Adam, one for momentum or squares. */
export function momentCount(optimiser: OptimiserSpec): number {
  if (optimiser.kind === "sgd") return optimiser.momentum === 0 ? 0 : 1;
  return optimiser.kind === "rmsprop" ? 1 : 2;
}

/** A run's learnt state. It is the same on every backend, so that any of them continues what another began. */
export interface LearntState {
  /** In the order of `parameterLayout`. */
  readonly parameters: Float32Array;
  /** Adam: first and second moments; sgd: velocity; rmsprop: mean squares. Each `trainableLength` long. */
  readonly moments: readonly Float32Array[];
  /** Updates made so far: Adam's bias correction and the dropout masks follow from it. */
  readonly steps: number;
}

/** Some batches of an epoch. */
export interface BatchRequest {
  /** The epoch's order: rows of the set, from which batch b takes [b x batchRows, (b+1) x batchRows). */
  readonly order: Uint32Array;
  readonly firstBatch: number;
  readonly batchCount: number;
  readonly learningRate: number;
}

/** One value for each batch of the request. */
export interface BatchResults {
  /** Mean loss in training mode, before the batch's update. */
  readonly losses: Float64Array;
  /** Examples answered rightly: the largest output is the class, or the sign of a regression (both > 0 or neither). */
  readonly correct: Uint32Array;
  /** L2 norm of the gradient before clipping. */
  readonly gradientNorms: Float32Array;
}

export interface Evaluation {
  /** [example, output]: raw logits or values. */
  readonly outputs: Float32Array;
  /** Mean loss by the run's own criterion. */
  readonly loss: number;
  readonly correct: number;
}

/** A network in training. Not to be called again before an answer is there. */
export interface TrainingSession {
  /**
   * Trains on some batches, and counts `batchCount` steps on. How batches are cut into requests changes no result.
   * A loss that is not finite ends the request there: the answer then ends with that batch.
   */
  trainBatches(request: BatchRequest): Promise<BatchResults>;
  /** In evaluation mode: no dropout, running statistics for batch norm. `rows` are where examples end. */
  evaluate(rows: Uint32Array): Promise<Evaluation>;
  /** A copy. */
  getState(): Promise<LearntState>;
  setState(state: LearntState): Promise<void>;
  dispose(): void;
  /** Which thread computes it, of a backend that has several: sessions of one thread take turns there. */
  readonly thread?: number;
  /** Goes on in another of these threads. */
  moveTo?(thread: number): Promise<void>;
  /** Threads that compute each of its batches together, of a backend that splits them; 1 without it. */
  readonly threadCount?: number;
}

/** A member of a population: it shares the network's shape and the set's features with the others. */
export interface Member {
  readonly network: NetworkSpec;
  readonly options: TrainingOptions;
  readonly set: TrainingSet;
}

export interface TrainingBackend {
  /** `cpu`, `cpu-fast`, or the adapter's name. */
  readonly name: string;
  /** Throws a Problem for a member that it cannot train. The session begins with `initialParameters` and zero moments. */
  create(member: Member): Promise<TrainingSession>;
  /** One session a member, sharing what can be shared. */
  createPopulation(members: readonly Member[]): Promise<TrainingSession[]>;
}
