/** A multilayer perceptron as calls of kernels. */
import { type Arena, FINISH, type Kernels } from "../kernels/kernels.ts";
import { ACTIVATIONS, BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM, type MlpSpec } from "../network.ts";
import { dropoutKey, dropoutThreshold } from "../random.ts";
import { gatherRows } from "./batch-input.ts";
import type { Batch, CompiledNetwork, InputRows } from "./compiled-network.ts";
import { roundUp } from "./packed-weights.ts";
import type { MatrixAddresses, VectorAddresses, Weights } from "./weights.ts";

interface Layer {
  readonly inputs: number;
  readonly outputs: number;
  readonly weight: MatrixAddresses;
  readonly bias: VectorAddresses;
  readonly norm: Norm | null;
  /** The values that the layer reads, and those that it writes. */
  readonly from: number;
  readonly to: number;
}

interface Norm {
  readonly scale: VectorAddresses;
  readonly shift: VectorAddresses;
  readonly runningMean: number;
  readonly runningVariance: number;
  readonly inverse: number;
  readonly normalised: number;
}

export class CompiledMlp implements CompiledNetwork {
  readonly capacity: number;
  readonly outputs: number;
  readonly #spec: MlpSpec;
  readonly #seed: number;
  readonly #kernels: Kernels;
  readonly #layers: readonly Layer[];
  readonly #activation: number;
  /** Two places for gradients: a layer reads one and writes the other. */
  readonly #gradients: readonly [number, number];
  readonly #inputs: number;
  #panels: Float32Array | null = null;
  #count = 0;
  #rows = 0;

  constructor(spec: MlpSpec, seed: number, batchRows: number, weights: Weights, arena: Arena) {
    this.capacity = roundUp(batchRows, 4);
    this.#spec = spec;
    this.#seed = seed;
    this.#kernels = arena.kernels;
    this.#activation = ACTIVATIONS.indexOf(spec.activation);
    const room = (columns: number) => arena.allocateFloats(roundUp(columns, 8) * this.capacity);
    const widths = [spec.inputs, ...spec.hidden, spec.outputs];
    const values = widths.map(room);
    this.#inputs = values[0];
    this.outputs = values[values.length - 1];
    const widest = Math.max(0, ...spec.hidden);
    this.#gradients = [room(widest), room(widest)];
    this.#layers = widths.slice(1).map((outputs, index) => ({
      inputs: widths[index],
      outputs,
      weight: weights.matrix(`layers.${index}.weight`),
      bias: weights.vector(`layers.${index}.bias`),
      norm: spec.batchNorm && index < spec.hidden.length ? normAddresses(index, outputs, weights, arena, room) : null,
      from: values[index],
      to: values[index + 1],
    }));
  }

  load(set: InputRows, batch: Batch): void {
    this.#count = batch.count;
    this.#rows = roundUp(batch.count, 4);
    const stride = this.capacity;
    gatherRows(set, batch, 0, { panels: this.#inputPanels(), stride, firstRow: 0, paddedCount: this.#rows });
  }

  /** A view that is made anew when the memory has grown. */
  #inputPanels(): Float32Array {
    const { buffer } = this.#kernels.memory;
    if (this.#panels === null || this.#panels.buffer !== buffer) {
      this.#panels = new Float32Array(buffer, this.#inputs, roundUp(this.#spec.inputs, 8) * this.capacity);
    }
    return this.#panels;
  }

  forward(step: number | null): void {
    const last = this.#layers.length - 1;
    for (const [index, layer] of this.#layers.entries()) {
      const isFused = index < last && layer.norm === null && this.#activation < 2;
      this.#multiply(layer, isFused ? (this.#activation === 0 ? FINISH.relu : FINISH.leaky_relu) : FINISH.none);
      if (index === last) return;
      if (layer.norm !== null) this.#normalise(layer, layer.norm, step !== null);
      if (!isFused) this.#activate(layer);
      if (step !== null && this.#spec.dropout > 0) this.#dropOut(layer, dropoutKey(this.#seed, step, index));
    }
  }

  #multiply({ from, weight, bias, to, outputs }: Layer, finish: number): void {
    const { capacity } = this;
    this.#kernels.multiply(
      from,
      capacity,
      weight.turned,
      weight.inputs,
      bias.values,
      to,
      capacity,
      0,
      this.#rows,
      weight.inputs,
      outputs,
      finish,
    );
  }

  #normalise({ to, outputs }: Layer, norm: Norm, isTraining: boolean): void {
    const { scale, shift, runningMean, runningVariance, inverse, normalised } = norm;
    const { capacity } = this;
    if (!isTraining) {
      this.#kernels.normaliseByRunning(
        to,
        capacity,
        this.#count,
        outputs,
        scale.values,
        shift.values,
        runningMean,
        runningVariance,
        BATCH_NORM_EPSILON,
      );
      return;
    }
    this.#kernels.normaliseBatch(
      to,
      normalised,
      capacity,
      this.#count,
      outputs,
      scale.values,
      shift.values,
      inverse,
      runningMean,
      runningVariance,
      BATCH_NORM_EPSILON,
      BATCH_NORM_MOMENTUM,
    );
  }

  #activate({ to, outputs }: Layer): void {
    this.#kernels.activate(to, roundUp(outputs, 8) * this.capacity, this.#activation);
    const isSigmoid = this.#spec.activation === "sigmoid";
    if (isSigmoid && outputs % 8 !== 0) this.#kernels.clearPadding(to, this.capacity, this.#rows, outputs);
  }

  #dropOut({ to, outputs }: Layer, key: number): void {
    const { dropout } = this.#spec;
    const threshold = dropoutThreshold(dropout);
    this.#kernels.dropOut(to, this.capacity, this.#count, outputs, key, threshold, 1 / (1 - dropout));
  }

  backward(): void {
    let gradient = this.outputs;
    for (let index = this.#layers.length - 1; index >= 0; index--) {
      const layer = this.#layers[index];
      this.#weightGradient(layer, gradient);
      if (index === 0) return;
      const below = this.#layers[index - 1];
      const next = this.#gradients[index % 2];
      this.#inputGradient(layer, below, gradient, next);
      gradient = next;
    }
  }

  #weightGradient({ from, weight, bias, outputs, inputs }: Layer, gradient: number): void {
    const { capacity } = this;
    const kernels = this.#kernels;
    kernels.sumRows(gradient, capacity, bias.gradient, this.#rows, outputs);
    const leftColumns = weight.rows;
    kernels.multiplyTransposed(
      gradient,
      capacity,
      from,
      capacity,
      weight.gradient,
      weight.rows,
      this.#rows,
      leftColumns,
      inputs,
    );
  }

  /** From the gradient of a layer's outputs to that of the linear part of the layer below. */
  #inputGradient({ weight, inputs }: Layer, below: Layer, gradient: number, next: number): void {
    const { capacity } = this;
    const kernels = this.#kernels;
    const isDropped = this.#spec.dropout > 0;
    const finish = isDropped ? FINISH.none : FINISH.slope + this.#activation;
    const { rows, weights } = weight;
    kernels.multiply(gradient, capacity, weights, rows, 0, next, capacity, below.to, this.#rows, rows, inputs, finish);
    if (isDropped) {
      const kept = 1 - this.#spec.dropout;
      kernels.slopeThroughDropout(next, below.to, roundUp(inputs, 8) * capacity, kept, 1 / kept, this.#activation);
    }
    if (below.norm !== null) this.#normGradient(below, below.norm, next);
  }

  #normGradient({ outputs }: Layer, { normalised, scale, inverse, shift }: Norm, gradient: number): void {
    this.#kernels.normaliseGradient(
      gradient,
      normalised,
      this.capacity,
      this.#count,
      outputs,
      scale.values,
      inverse,
      scale.gradient,
      shift.gradient,
    );
  }
}

function normAddresses(
  index: number,
  width: number,
  weights: Weights,
  arena: Arena,
  room: (columns: number) => number,
): Norm {
  return {
    scale: weights.vector(`norms.${index}.weight`),
    shift: weights.vector(`norms.${index}.bias`),
    runningMean: weights.vector(`norms.${index}.running_mean`).values,
    runningVariance: weights.vector(`norms.${index}.running_var`).values,
    inverse: arena.allocateFloats(roundUp(width, 8)),
    normalised: room(width),
  };
}
