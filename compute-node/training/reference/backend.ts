/** The reference as a backend: slow, in double precision, to hold the fast ones to. */
import {
  type BatchRequest,
  type BatchResults,
  type Evaluation,
  type LearntState,
  type Member,
  momentCount,
  parameterLayout,
  type TrainingBackend,
  type TrainingSession,
} from "../network.ts";
import { dropoutKeeps, dropoutKey, dropoutThreshold, initialParameters } from "../random.ts";
import { type LossResult, measureLoss } from "./loss.ts";
import { get, type Matrix, matrix } from "./matrix.ts";
import { type ForwardPass, forwardMlp, type Keeps } from "./mlp.ts";
import { updateWeights } from "./optimiser.ts";
import { Parameters } from "./parameters.ts";
import { forwardRecurrent } from "./recurrent.ts";

export class ReferenceSession implements TrainingSession {
  readonly parameters: Parameters;
  readonly #member: Member;
  #moments: Float64Array[];
  #steps = 0;

  constructor(member: Member) {
    this.#member = member;
    const layout = parameterLayout(member.network);
    this.parameters = new Parameters(layout, initialParameters(member.network, member.options.seed));
    this.#moments = Array.from(
      { length: momentCount(member.options.optimiser) },
      () => new Float64Array(layout.trainableLength),
    );
  }

  /** The mean loss of some examples as one batch, in training mode, and its gradient. */
  gradientOf(rows: Uint32Array): LossResult & { weights: Float64Array; outputs: Matrix } {
    const pass = this.#forward(rows, this.#keeps());
    const result = measureLoss(this.#member.options.loss, pass.outputs, this.#targets(rows));
    const { trainableLength } = this.parameters.layout;
    const weights = pass.backward(result.gradient).values.slice(0, trainableLength);
    return { ...result, weights, outputs: pass.outputs };
  }

  async trainBatches({ order, firstBatch, batchCount, learningRate }: BatchRequest): Promise<BatchResults> {
    const { batchRows, gradientClip, optimiser } = this.#member.options;
    const results = { losses: [] as number[], correct: [] as number[], gradientNorms: [] as number[] };
    for (let batch = firstBatch; batch < firstBatch + batchCount; batch++) {
      const rows = order.subarray(batch * batchRows, (batch + 1) * batchRows);
      const { loss, weights, outputs } = this.gradientOf(rows);
      const norm = Math.sqrt(weights.reduce((sum, slope) => sum + slope * slope, 0));
      results.losses.push(loss);
      results.correct.push(this.#correct(outputs, rows));
      results.gradientNorms.push(norm);
      if (!Number.isFinite(loss) || !Number.isFinite(norm)) break;
      const clip = gradientClip === null ? 1 : Math.min(1, gradientClip / (norm + 1e-6));
      this.#steps += 1;
      const clipped = weights.map((slope) => slope * clip);
      updateWeights(optimiser, learningRate, this.parameters.values, clipped, this.#moments, this.#steps);
    }
    return {
      losses: Float64Array.from(results.losses),
      correct: Uint32Array.from(results.correct),
      gradientNorms: Float32Array.from(results.gradientNorms),
    };
  }

  async evaluate(rows: Uint32Array): Promise<Evaluation> {
    const { outputs } = this.#forward(rows, null);
    const { loss } = measureLoss(this.#member.options.loss, outputs, this.#targets(rows));
    return { outputs: Float32Array.from(outputs.values), loss, correct: this.#correct(outputs, rows) };
  }

  #keeps(): Keeps {
    const { network, options } = this.#member;
    const threshold = dropoutThreshold(network.dropout);
    return (place, row, column) => dropoutKeeps(dropoutKey(options.seed, this.#steps, place), row, column, threshold);
  }

  #forward(rows: Uint32Array, keeps: Keeps | null): ForwardPass {
    const { network, set } = this.#member;
    const { features, inputs } = set;
    if (network.kind === "mlp") {
      const examples = matrix(rows.length, inputs, (row, column) => features[rows[row] * inputs + column]);
      return forwardMlp(network, this.parameters, examples, keeps);
    }
    const windows = Array.from(rows, (end) => {
      const length = set.windowRows?.[end] ?? network.sequenceLength;
      return matrix(length, inputs, (time, column) => features[(end - length + 1 + time) * inputs + column]);
    });
    return forwardRecurrent(network, this.parameters, windows, keeps);
  }

  #targets(rows: Uint32Array): ArrayLike<number> {
    return Float64Array.from(rows, (row) => this.#member.set.labels.values[row]);
  }

  #correct(outputs: Matrix, rows: Uint32Array): number {
    const targets = this.#targets(rows);
    let correct = 0;
    for (let row = 0; row < outputs.rows; row++) {
      if (this.#member.set.labels.kind === "values") {
        if (get(outputs, row, 0) > 0 === targets[row] > 0) correct += 1;
        continue;
      }
      const scores = outputs.values.subarray(row * outputs.columns, (row + 1) * outputs.columns);
      if (scores.indexOf(Math.max(...scores)) === targets[row]) correct += 1;
    }
    return correct;
  }

  async getState(): Promise<LearntState> {
    return {
      parameters: Float32Array.from(this.parameters.values),
      moments: this.#moments.map((moment) => Float32Array.from(moment)),
      steps: this.#steps,
    };
  }

  async setState(state: LearntState): Promise<void> {
    this.parameters.values.set(state.parameters);
    this.#moments = state.moments.map((moment) => Float64Array.from(moment));
    this.#steps = state.steps;
  }

  dispose(): void {}
}

export const referenceBackend: TrainingBackend = {
  name: "reference",
  create: async (member) => new ReferenceSession(member),
  createPopulation: async (members) => members.map((member) => new ReferenceSession(member)),
};
