/** A network's weights, gradients and moments in a kernel's memory, and an optimiser's step on them. */

import type { Arena } from "../kernels/kernels.ts";
import { type LearntState, momentCount, type NetworkSpec, type OptimiserSpec, parameterLayout } from "../network.ts";
import { type PackedLayout, packedLayout, packWeights, roundUp, unpackWeights } from "./packed-weights.ts";

/** Where a layer's weights are, as byte addresses. */
export interface MatrixAddresses {
  /** [output, input] in panels of `rows`. */
  readonly weights: number;
  readonly gradient: number;
  readonly rows: number;
  /** [input, output] in panels of `inputs`, which is the layer's inputs in fours: refreshed after each step. */
  readonly turned: number;
  readonly inputs: number;
}

export interface VectorAddresses {
  readonly values: number;
  readonly gradient: number;
}

export class Weights {
  readonly layout: PackedLayout;
  /** Updates made so far. */
  steps = 0;
  readonly #arena: Arena;
  readonly #plainLength: number;
  readonly #plainTrainableLength: number;
  readonly #optimiser: OptimiserSpec;
  readonly #weights: number;
  readonly #gradients: number;
  readonly #moments: readonly number[];
  readonly #matrices: MatrixAddresses[] = [];

  constructor(network: NetworkSpec, optimiser: OptimiserSpec, arena: Arena) {
    const plain = parameterLayout(network);
    this.layout = packedLayout(network);
    this.#arena = arena;
    this.#plainLength = plain.length;
    this.#plainTrainableLength = plain.trainableLength;
    this.#optimiser = optimiser;
    this.#weights = arena.allocateFloats(this.layout.length);
    this.#gradients = arena.allocateFloats(this.layout.trainableLength);
    this.#moments = Array.from({ length: momentCount(optimiser) }, () =>
      arena.allocateFloats(this.layout.trainableLength),
    );
  }

  matrix(name: string): MatrixAddresses {
    const { offset, rows, tensor } = this.#place(name);
    const inputs = roundUp(tensor.shape[1], 4);
    const turned = this.#arena.allocateFloats(inputs * roundUp(rows, 8));
    const matrix = {
      weights: this.#weights + offset * 4,
      gradient: this.#gradients + offset * 4,
      rows,
      turned,
      inputs,
    };
    this.#matrices.push(matrix);
    return matrix;
  }

  vector(name: string): VectorAddresses {
    const { offset } = this.#place(name);
    return { values: this.#weights + offset * 4, gradient: this.#gradients + offset * 4 };
  }

  #place(name: string) {
    const place = this.layout.tensors.get(name);
    if (place === undefined) throw new Error(`The network has no tensor ${name}.`);
    return place;
  }

  /** To be called when weights have changed. */
  turnMatrices(): void {
    const { kernels } = this.#arena;
    for (const { weights, rows, turned, inputs } of this.#matrices) {
      kernels.transpose(weights, rows, turned, inputs, rows, inputs);
    }
  }

  /** L2 norm of the whole gradient. */
  gradientNorm(): number {
    return Math.sqrt(this.#arena.kernels.squareSum(this.#gradients, this.layout.trainableLength));
  }

  /** One step against the gradient times `clip`. */
  update(learningRate: number, clip: number): void {
    this.steps += 1;
    const { kernels } = this.#arena;
    const optimiser = this.#optimiser;
    const length = this.layout.trainableLength;
    const [first, second] = this.#moments;
    const { weightDecay: decay } = optimiser;
    if (optimiser.kind === "sgd") {
      const { momentum } = optimiser;
      kernels.descend(this.#weights, this.#gradients, first ?? 0, length, clip, decay, momentum, learningRate);
    } else if (optimiser.kind === "rmsprop") {
      const { alpha, epsilon } = optimiser;
      kernels.scaleByRoot(this.#weights, this.#gradients, first, length, clip, decay, alpha, learningRate, epsilon);
    } else {
      const { beta1, beta2, epsilon } = optimiser;
      const isApart = optimiser.kind === "adamw";
      kernels.adam(
        this.#weights,
        this.#gradients,
        first,
        second,
        length,
        clip,
        isApart ? 0 : decay,
        isApart ? 1 - learningRate * decay : 1,
        beta1,
        beta2,
        learningRate / (1 - integerPower(beta1, this.steps)),
        1 / Math.sqrt(1 - integerPower(beta2, this.steps)),
        epsilon,
      );
    }
    this.turnMatrices();
  }

  getState(): LearntState {
    const parameters = new Float32Array(this.#plainLength);
    unpackWeights(this.layout, this.#view(this.#weights, this.layout.length), parameters);
    const moments = this.#moments.map((address) => {
      const moment = new Float32Array(this.#plainTrainableLength);
      unpackWeights(this.layout, this.#view(address, this.layout.trainableLength), moment);
      return moment;
    });
    return { parameters, moments, steps: this.steps };
  }

  setState(state: LearntState): void {
    packWeights(this.layout, state.parameters, this.#view(this.#weights, this.layout.length));
    for (const [index, address] of this.#moments.entries()) {
      packWeights(this.layout, state.moments[index], this.#view(address, this.layout.trainableLength));
    }
    this.steps = state.steps;
    this.turnMatrices();
  }

  /** The gradient in the network's layout, as the last backward pass left it. */
  gradient(): Float32Array {
    const plain = new Float32Array(this.#plainTrainableLength);
    unpackWeights(this.layout, this.#view(this.#gradients, this.layout.trainableLength), plain);
    return plain;
  }

  #view(address: number, length: number): Float32Array {
    return new Float32Array(this.#arena.kernels.memory.buffer, address, length);
  }
}

/** base^exponent by multiplications alone: Math.pow's last bits are the machine's own. */
function integerPower(base: number, exponent: number): number {
  let result = 1;
  let square = base;
  for (let rest = exponent; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result *= square;
    square *= square;
  }
  return result;
}
