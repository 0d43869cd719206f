/** Training on the CPU: a network's weights and one batch in a kernel's memory, a call of a kernel for each step. */
import { Problem } from "../../../protocol/problem.ts";
import { Arena, createKernels, type KernelMode, type Kernels } from "../kernels/kernels.ts";
import type { BatchRequest, BatchResults, Evaluation, LearntState, Member, TrainingSession } from "../network.ts";
import { momentCount, parameterLayout } from "../network.ts";
import { initialParameters } from "../random.ts";
import { compileNetwork, copyOutputs } from "./compile-network.ts";
import { CompiledLoss } from "./compiled-loss.ts";
import type { CompiledNetwork } from "./compiled-network.ts";
import { Weights } from "./weights.ts";

export class CpuSession implements TrainingSession {
  readonly #member: Member;
  readonly #kernels: Kernels;
  readonly #weights: Weights;
  readonly #network: CompiledNetwork;
  readonly #loss: CompiledLoss;

  constructor(member: Member, mode: KernelMode, kernels = createKernels(mode)) {
    const { network, options, set } = member;
    this.#member = member;
    const arena = new Arena(kernels);
    this.#kernels = arena.kernels;
    this.#weights = new Weights(network, options.optimiser, arena);
    this.#network = compileNetwork(network, options.seed, options.batchRows, this.#weights, arena);
    this.#loss = new CompiledLoss(options.loss, network.outputs, set.labels, this.#network, arena);
    const plain = parameterLayout(network).trainableLength;
    const moments = Array.from({ length: momentCount(options.optimiser) }, () => new Float32Array(plain));
    this.#weights.setState({ parameters: initialParameters(network, options.seed), moments, steps: 0 });
  }

  trainBatches(request: BatchRequest): Promise<BatchResults> {
    return Promise.resolve(this.trainBatchesNow(request));
  }

  /** The same without a promise. */
  trainBatchesNow({ order, firstBatch, batchCount, learningRate }: BatchRequest): BatchResults {
    const { batchRows, gradientClip } = this.#member.options;
    const losses = new Float64Array(batchCount);
    const correct = new Uint32Array(batchCount);
    const gradientNorms = new Float32Array(batchCount);
    for (let index = 0; index < batchCount; index++) {
      const first = (firstBatch + index) * batchRows;
      const sums = this.#forwardBatch(order, first, Math.min(batchRows, order.length - first), this.#weights.steps);
      losses[index] = sums.meanLoss;
      correct[index] = sums.correct;
      if (Number.isFinite(sums.meanLoss)) {
        this.#network.backward();
        gradientNorms[index] = this.#weights.gradientNorm();
      } else {
        gradientNorms[index] = Number.NaN;
      }
      const norm = gradientNorms[index];
      if (!Number.isFinite(norm)) {
        const done = index + 1;
        return {
          losses: losses.slice(0, done),
          correct: correct.slice(0, done),
          gradientNorms: gradientNorms.slice(0, done),
        };
      }
      // As torch.nn.utils.clip_grad_norm_, with its 1e-6.
      const clip = gradientClip === null ? 1 : Math.min(1, gradientClip / (norm + 1e-6));
      this.#weights.update(learningRate, clip);
    }
    return { losses, correct, gradientNorms };
  }

  #forwardBatch(rows: Uint32Array, first: number, count: number, step: number | null) {
    const batch = { rows, first, count };
    this.#network.load(this.#member.set, batch);
    this.#network.forward(step);
    return this.#loss.measure(batch);
  }

  /** The mean loss of some examples as one batch, in training mode, and its gradient in the network's layout. */
  gradientOf(rows: Uint32Array): { loss: number; gradient: Float32Array } {
    const { meanLoss } = this.#forwardBatch(rows, 0, rows.length, this.#weights.steps);
    this.#network.backward();
    return { loss: meanLoss, gradient: this.#weights.gradient() };
  }

  evaluate(rows: Uint32Array): Promise<Evaluation> {
    const { network, set } = this.#member;
    const outputs = new Float32Array(rows.length * network.outputs);
    let loss = 0;
    let divisor = 0;
    let correct = 0;
    for (let first = 0; first < rows.length; first += this.#network.capacity) {
      const batch = { rows, first, count: Math.min(this.#network.capacity, rows.length - first) };
      this.#network.load(set, batch);
      this.#network.forward(null);
      copyOutputs(this.#kernels, this.#network, network.outputs, batch.count, outputs, first);
      const sums = this.#loss.measure(batch);
      loss += sums.loss;
      divisor += sums.divisor;
      correct += sums.correct;
    }
    return Promise.resolve({ outputs, loss: divisor > 0 ? loss / divisor : Number.NaN, correct });
  }

  getState(): Promise<LearntState> {
    return Promise.resolve(this.#weights.getState());
  }

  setState(state: LearntState): Promise<void> {
    const { network, options } = this.#member;
    const layout = parameterLayout(network);
    const fits =
      state.parameters.length === layout.length &&
      state.moments.length === momentCount(options.optimiser) &&
      state.moments.every((moment) => moment.length === layout.trainableLength);
    if (!fits) {
      throw new Problem(
        "conflict",
        `A state of ${state.parameters.length} weights and ${state.moments.length} moments is not this network's, which has ${layout.length} and ${momentCount(options.optimiser)}.`,
        { cure: "Continue with the network and the optimiser that the checkpoint was made with." },
      );
    }
    this.#weights.setState(state);
    return Promise.resolve();
  }

  /** The memory goes with the object. */
  dispose(): void {}

  /** The same, and resolves when nothing of it is left. */
  async close(): Promise<void> {}
}
