/** A loss as a call of a kernel. */
import type { Arena, Kernels } from "../kernels/kernels.ts";
import type { Labels, LossSpec } from "../network.ts";
import type { Batch, CompiledNetwork } from "./compiled-network.ts";
import { roundUp } from "./packed-weights.ts";

interface LossSums {
  /** Sum over the rows, weighted. */
  readonly loss: number;
  /** Divides the sum of one or of several batches into their mean. */
  readonly divisor: number;
  readonly meanLoss: number;
  readonly correct: number;
}

interface Views {
  readonly buffer: ArrayBuffer;
  readonly bytes: Uint8Array;
  readonly floats: Float32Array;
  readonly sums: Float64Array;
}

export class CompiledLoss {
  readonly #kernels: Kernels;
  readonly #spec: LossSpec;
  readonly #outputs: number;
  readonly #labels: Labels;
  readonly #network: CompiledNetwork;
  readonly #labelAddress: number;
  readonly #weightAddress: number;
  #view: Views | null = null;

  constructor(spec: LossSpec, outputs: number, labels: Labels, network: CompiledNetwork, arena: Arena) {
    this.#kernels = arena.kernels;
    this.#spec = spec;
    this.#outputs = outputs;
    this.#labels = labels;
    this.#network = network;
    this.#labelAddress = arena.allocateFloats(network.capacity);
    this.#weightAddress = arena.allocateFloats(outputs);
    if (!("classWeights" in spec)) return;
    new Float32Array(arena.kernels.memory.buffer, this.#weightAddress, outputs).set(
      spec.classWeights ?? new Float32Array(outputs).fill(1),
    );
  }

  /** The loss of a batch whose outputs are there; puts their gradient in their place. */
  measure(batch: Batch): LossSums {
    const spec = this.#spec;
    const { outputs, capacity } = this.#network;
    const padded = roundUp(batch.count, 4);
    this.#loadLabels(batch);
    let divisor = batch.count;
    if (spec.kind === "cross_entropy" || spec.kind === "focal") {
      const gamma = spec.kind === "focal" ? spec.gamma : -1;
      const { count } = batch;
      const classes = this.#outputs;
      divisor = this.#kernels.classLoss(
        outputs,
        capacity,
        this.#labelAddress,
        this.#weightAddress,
        count,
        padded,
        classes,
        gamma,
      );
    } else {
      const delta = spec.kind === "huber" ? spec.delta : -1;
      this.#kernels.valueLoss(outputs, capacity, this.#labelAddress, batch.count, padded, delta);
    }
    const [loss, correct] = this.#views().sums;
    return { loss, divisor, meanLoss: divisor > 0 ? loss / divisor : 0, correct };
  }

  #loadLabels({ rows, first, count }: Batch): void {
    const { bytes, floats } = this.#views();
    const { kind, values } = this.#labels;
    const target = kind === "classes" ? bytes : floats;
    for (let index = 0; index < count; index++) target[index] = values[rows[first + index]];
  }

  /** Views of the labels and sums; made anew when the memory has grown. */
  #views(): Views {
    const { buffer } = this.#kernels.memory;
    if (this.#view !== null && this.#view.buffer === buffer) return this.#view;
    const length = this.#network.capacity;
    this.#view = {
      buffer,
      bytes: new Uint8Array(buffer, this.#labelAddress, length),
      floats: new Float32Array(buffer, this.#labelAddress, length),
      sums: new Float64Array(buffer, this.#kernels.lossSums(), 2),
    };
    return this.#view;
  }
}
