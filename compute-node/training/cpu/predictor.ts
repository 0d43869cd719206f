/** A trained network's answers for many rows at once: what a backtest asks. The same kernels as in training. */
import { Problem } from "../../../protocol/problem.ts";
import { Arena, createKernels, type Kernels } from "../kernels/kernels.ts";
import { type NetworkSpec, parameterLayout } from "../network.ts";
import { compileNetwork, copyOutputs } from "./compile-network.ts";
import type { CompiledNetwork, InputRows } from "./compiled-network.ts";
import { Weights } from "./weights.ts";

/** Examples at once: enough for long loops, and few enough for the second cache. */
const BATCH_ROWS = 256;
const RECURRENT_BATCH_ROWS = 64;
/** There is nothing to optimise, and so no moments. */
const NO_OPTIMISER = { kind: "sgd", momentum: 0, weightDecay: 0 } as const;

export class Predictor {
  readonly network: NetworkSpec;
  readonly #kernels: Kernels;
  readonly #compiled: CompiledNetwork;

  /** `parameters` in the order of `parameterLayout`; throws a Problem when they are another network's. */
  constructor(network: NetworkSpec, parameters: Float32Array) {
    const { length } = parameterLayout(network);
    if (parameters.length !== length) {
      throw new Problem("invalid-data", `The model has ${parameters.length} weights, and its network ${length}.`, {
        cure: "Train the model again, or take the weights that belong to it.",
      });
    }
    this.network = network;
    const arena = new Arena(createKernels("exact"));
    this.#kernels = arena.kernels;
    const weights = new Weights(network, NO_OPTIMISER, arena);
    const batchRows = network.kind === "mlp" ? BATCH_ROWS : RECURRENT_BATCH_ROWS;
    this.#compiled = compileNetwork(network, 0, batchRows, weights, arena);
    weights.setState({ parameters, moments: [], steps: 0 });
  }

  /**
   * [example, output] for the examples that end at `rows` of `set`: raw logits or values. Rows whose features are not finite
   * have outputs that are not finite.
   */
  predict(set: InputRows, rows: Uint32Array): Float32Array {
    return this.#run(set, rows, false);
  }

  /** The same as the classes' probabilities. */
  probabilities(set: InputRows, rows: Uint32Array): Float32Array {
    return this.#run(set, rows, true);
  }

  #run(set: InputRows, rows: Uint32Array, isSoftmax: boolean): Float32Array {
    const { outputs: width, inputs } = this.network;
    if (set.inputs !== inputs) {
      throw new Problem("invalid-data", `The model has ${inputs} inputs, and the data ${set.inputs} features.`, {
        cure: "Give the features that the model was trained with, in its order.",
      });
    }
    const outputs = new Float32Array(rows.length * width);
    const { capacity } = this.#compiled;
    for (let first = 0; first < rows.length; first += capacity) {
      const count = Math.min(capacity, rows.length - first);
      this.#compiled.load(set, { rows, first, count });
      this.#compiled.forward(null);
      if (isSoftmax) this.#kernels.softmax(this.#compiled.outputs, capacity, count, width);
      copyOutputs(this.#kernels, this.#compiled, width, count, outputs, first);
    }
    return outputs;
  }
}
