/** Stacked LSTM or GRU layers and their head as calls of kernels. */
import { type Arena, FINISH, type Kernels } from "../kernels/kernels.ts";
import type { RecurrentSpec } from "../network.ts";
import { dropoutKey, dropoutThreshold } from "../random.ts";
import { gatherRows } from "./batch-input.ts";
import type { Batch, CompiledNetwork, InputRows } from "./compiled-network.ts";
import { roundUp } from "./packed-weights.ts";
import { RecurrentLayer, type Windows } from "./recurrent-layer.ts";
import type { MatrixAddresses, VectorAddresses, Weights } from "./weights.ts";

const ROW_BYTES = 32;

/** A layer's input: features, the states below, or a copy of them that dropout thins. */
interface LayerInput {
  readonly address: number;
  readonly stride: number;
}

export class CompiledRecurrent implements CompiledNetwork {
  readonly capacity: number;
  readonly outputs: number;
  readonly #spec: RecurrentSpec;
  readonly #seed: number;
  readonly #kernels: Kernels;
  readonly #layers: readonly RecurrentLayer[];
  readonly #headWeight: MatrixAddresses;
  readonly #headBias: VectorAddresses;
  readonly #features: LayerInput;
  /** Copies of each layer's states for dropout, the last one's final states among them; none without dropout. */
  readonly #dropped: readonly number[];
  readonly #starts: number;
  #windows: Windows = { rows: 0, starts: 0 };
  #count = 0;
  #isTraining = false;

  constructor(spec: RecurrentSpec, seed: number, batchRows: number, weights: Weights, arena: Arena) {
    this.capacity = roundUp(batchRows, 4);
    this.#spec = spec;
    this.#seed = seed;
    this.#kernels = arena.kernels;
    this.#layers = Array.from(
      { length: spec.layers },
      (_, index) => new RecurrentLayer(spec, index, this.capacity, weights, arena),
    );
    const stride = this.capacity * spec.sequenceLength;
    this.#features = { address: arena.allocateFloats(roundUp(spec.inputs, 8) * stride), stride };
    this.#dropped = spec.dropout > 0 ? this.#layers.map(({ columns }) => arena.allocateFloats(columns * stride)) : [];
    this.#starts = arena.allocate(this.capacity * 4);
    this.#headWeight = weights.matrix("head.weight");
    this.#headBias = weights.vector("head.bias");
    this.outputs = arena.allocateFloats(roundUp(spec.outputs, 8) * this.capacity);
  }

  load(set: InputRows, batch: Batch): void {
    const rows = roundUp(batch.count, 4);
    this.#count = batch.count;
    this.#windows = { rows, starts: set.windowRows === undefined ? 0 : this.#starts };
    const { address, stride } = this.#features;
    const { buffer } = this.#kernels.memory;
    const panels = new Float32Array(buffer, address, roundUp(set.inputs, 8) * stride);
    const { sequenceLength } = this.#spec;
    for (let time = 0; time < sequenceLength; time++) {
      const target = { panels, stride, firstRow: time * rows, paddedCount: rows };
      gatherRows(set, batch, sequenceLength - 1 - time, target);
    }
    if (set.windowRows !== undefined) this.#shorten(set.windowRows, batch, panels);
  }

  /** Notes when each window begins, and clears the rows before it. */
  #shorten(windowRows: Uint16Array, { rows, first, count }: Batch, panels: Float32Array): void {
    const starts = new Int32Array(this.#kernels.memory.buffer, this.#starts, this.#windows.rows).fill(0);
    for (let example = 0; example < count; example++) {
      starts[example] = this.#spec.sequenceLength - windowRows[rows[first + example]];
      for (let time = 0; time < starts[example]; time++) {
        for (let column = 0; column < this.#spec.inputs; column += 8) {
          const at = column * this.#features.stride + (time * this.#windows.rows + example) * 8;
          panels.fill(0, at, at + 8);
        }
      }
    }
  }

  forward(step: number | null): void {
    this.#isTraining = step !== null;
    for (const [index, layer] of this.#layers.entries()) {
      const { address, stride } = this.#inputOf(index);
      layer.forward(address, stride, this.#windows);
      if (step !== null && this.#dropped.length > 0) this.#dropOut(index, step);
    }
    const { capacity } = this;
    const { turned, inputs } = this.#headWeight;
    const top = this.#top();
    this.#kernels.multiply(
      top.address,
      top.stride,
      turned,
      inputs,
      this.#headBias.values,
      this.outputs,
      capacity,
      0,
      this.#windows.rows,
      inputs,
      this.#spec.outputs,
      FINISH.none,
    );
  }

  #inputOf(index: number): LayerInput {
    if (index === 0) return this.#features;
    const below = this.#layers[index - 1];
    if (this.#isThinned) return { address: this.#dropped[index - 1], stride: below.stride };
    return { address: below.stateAt(0, this.#windows.rows), stride: below.stateStride };
  }

  get #isThinned(): boolean {
    return this.#isTraining && this.#dropped.length > 0;
  }

  /** The head's inputs: the last layer's states after the last row. */
  #top(): LayerInput {
    const last = this.#layers.length - 1;
    const layer = this.#layers[last];
    const { rows } = this.#windows;
    const time = this.#spec.sequenceLength - 1;
    if (!this.#isThinned) return { address: layer.stateAt(time, rows), stride: layer.stateStride };
    return { address: this.#dropped[last] + time * rows * ROW_BYTES, stride: layer.stride };
  }

  /** Copies a layer's states, and thins each time by a mask of its own. For the last layer, only the last time. */
  #dropOut(index: number, step: number): void {
    const { dropout, hidden, sequenceLength } = this.#spec;
    const { rows } = this.#windows;
    const layer = this.#layers[index];
    const isLast = index === this.#layers.length - 1;
    const threshold = dropoutThreshold(dropout);
    const floats = new Float32Array(this.#kernels.memory.buffer);
    const firstTime = isLast ? sequenceLength - 1 : 0;
    for (let column = 0; column < layer.columns; column += 8) {
      const from = layer.stateAt(firstTime, rows) / 4 + column * layer.stateStride;
      const to = this.#dropped[index] / 4 + column * layer.stride + firstTime * rows * 8;
      floats.copyWithin(to, from, from + (sequenceLength - firstTime) * rows * 8);
    }
    for (let time = firstTime; time < sequenceLength; time++) {
      const place = isLast ? this.#layers.length * sequenceLength : index * sequenceLength + time;
      const key = dropoutKey(this.#seed, step, place);
      const address = this.#dropped[index] + time * rows * ROW_BYTES;
      this.#kernels.dropOut(address, layer.stride, this.#count, hidden, key, threshold, 1 / (1 - dropout));
    }
  }

  backward(): void {
    const { rows } = this.#windows;
    const last = this.#layers.length - 1;
    this.#headGradients();
    for (let index = last; index >= 0; index--) {
      const { address, stride } = this.#inputOf(index);
      const below = index > 0 ? this.#layers[index - 1].gradient : 0;
      this.#layers[index].backward(address, stride, this.#windows, index === last, below);
      if (index > 0) this.#throughDropout(index - 1, 0, rows * this.#spec.sequenceLength);
    }
  }

  #headGradients(): void {
    const { capacity } = this;
    const kernels = this.#kernels;
    const { rows } = this.#windows;
    const { weights, gradient, rows: weightRows } = this.#headWeight;
    const { hidden, outputs, sequenceLength } = this.#spec;
    const layer = this.#layers[this.#layers.length - 1];
    const top = this.#top();
    kernels.sumRows(this.outputs, capacity, this.#headBias.gradient, rows, outputs);
    kernels.multiplyTransposed(
      this.outputs,
      capacity,
      top.address,
      top.stride,
      gradient,
      weightRows,
      rows,
      weightRows,
      hidden,
    );
    const firstRow = (sequenceLength - 1) * rows;
    kernels.multiply(
      this.outputs,
      capacity,
      weights,
      weightRows,
      0,
      layer.gradient + firstRow * ROW_BYTES,
      layer.stride,
      0,
      rows,
      weightRows,
      hidden,
      FINISH.none,
    );
    this.#throughDropout(this.#layers.length - 1, firstRow, rows);
  }

  /** The gradient of a layer's states before dropout, from that of what dropout left. */
  #throughDropout(index: number, firstRow: number, rowCount: number): void {
    if (!this.#isThinned) return;
    const layer = this.#layers[index];
    const scale = 1 / (1 - this.#spec.dropout);
    for (let column = 0; column < layer.columns; column += 8) {
      const offset = column * layer.stride * 4 + firstRow * ROW_BYTES;
      const values = this.#dropped[index] + offset;
      this.#kernels.gradientThroughDropout(layer.gradient + offset, values, rowCount * 8, scale);
    }
  }
}
