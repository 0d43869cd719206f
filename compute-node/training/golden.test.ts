/** Training against PyTorch: `golden/torch.py` says what ran, and made `golden/torch.json`. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { CpuSession } from "./cpu/session.ts";
import type { Labels, LossSpec, Member, NetworkSpec, OptimiserSpec, TrainingSession } from "./network.ts";
import { momentCount, parameterLayout } from "./network.ts";
import { ReferenceSession } from "./reference/backend.ts";
import { nextRate, startSchedule } from "./schedule.ts";
import { ADAM, OPTIONS } from "./testing/networks.ts";

interface Run {
  readonly losses: number[];
  readonly gradientNorms: number[];
  readonly parameters: number[];
  readonly outputs: number[][];
}
interface Golden {
  readonly runs: Record<string, Run>;
  readonly watched: number[];
  readonly schedules: Record<"step" | "exponential" | "reduce_on_plateau", number[]>;
}
const golden = JSON.parse(readFileSync(new URL("golden/torch.json", import.meta.url), "utf8")) as Golden;

const [ROWS, INPUTS, TIME, STEPS] = [12, 5, 4, 6];
const MLP = { kind: "mlp", inputs: INPUTS, hidden: [7, 6], outputs: 3, dropout: 0, batchNorm: false } as const;
const RECURRENT = { inputs: INPUTS, hidden: 6, layers: 2, outputs: 3, dropout: 0, sequenceLength: TIME } as const;
const ENTROPY: LossSpec = { kind: "cross_entropy", classWeights: null };
const WEIGHTS = [0.5, 1.5, 1];
const SGD: OptimiserSpec = { kind: "sgd", momentum: 0.9, weightDecay: 0 };
const RMSPROP: OptimiserSpec = { kind: "rmsprop", alpha: 0.99, epsilon: 1e-8, weightDecay: 0 };

interface Setting {
  readonly network: NetworkSpec;
  readonly loss: LossSpec;
  readonly optimiser: OptimiserSpec;
  readonly learningRate?: number;
  readonly gradientClip?: number;
}

const SETTINGS: Record<string, Setting> = {
  "mlp relu, cross entropy, adam": { network: { ...MLP, activation: "relu" }, loss: ENTROPY, optimiser: ADAM },
  "mlp tanh, weighted cross entropy, sgd": {
    network: { ...MLP, activation: "tanh" },
    loss: { kind: "cross_entropy", classWeights: WEIGHTS },
    optimiser: SGD,
    learningRate: 0.05,
  },
  "mlp leaky_relu, focal, adamw": {
    network: { ...MLP, activation: "leaky_relu" },
    loss: { kind: "focal", gamma: 2, classWeights: WEIGHTS },
    optimiser: { ...ADAM, kind: "adamw", weightDecay: 0.1 },
  },
  "mlp sigmoid, huber, rmsprop": {
    network: { ...MLP, activation: "sigmoid", outputs: 1 },
    loss: { kind: "huber", delta: 0.2 },
    optimiser: RMSPROP,
  },
  "mlp relu, mse, adam with decay, clipped": {
    network: { ...MLP, activation: "relu", outputs: 1 },
    loss: { kind: "mse" },
    optimiser: { ...ADAM, weightDecay: 0.05 },
    gradientClip: 0.1,
  },
  "mlp tanh with batch norm, cross entropy, sgd": {
    network: { ...MLP, activation: "tanh", batchNorm: true },
    loss: ENTROPY,
    optimiser: SGD,
    learningRate: 0.05,
  },
  "lstm, cross entropy, adam": { network: { ...RECURRENT, kind: "lstm" }, loss: ENTROPY, optimiser: ADAM },
  "gru, cross entropy, adam": { network: { ...RECURRENT, kind: "gru" }, loss: ENTROPY, optimiser: ADAM },
};

function memberOf({ network, loss, optimiser, learningRate = 0.01, gradientClip }: Setting): Member {
  const rowCount = ROWS + TIME - 1;
  const each = (count: number, value: (index: number) => number) => Array.from({ length: count }, (_, at) => value(at));
  const rows = Uint32Array.from(each(ROWS, (at) => at + TIME - 1));
  const labels: Labels =
    network.outputs === 1
      ? { kind: "values", values: Float32Array.from(each(rowCount, (row) => Math.cos(0.9 * row))) }
      : { kind: "classes", values: Uint8Array.from(each(rowCount, (row) => (7 * row) % 3)) };
  const features = Float32Array.from(each(rowCount * INPUTS, (at) => Math.sin(0.37 * at + 0.1)));
  return {
    network,
    options: { ...OPTIONS, loss, optimiser, learningRate, gradientClip: gradientClip ?? null, batchRows: ROWS },
    set: { features, inputs: INPUTS, labels, training: rows, validation: rows, test: rows },
  };
}

async function expectRun(session: TrainingSession, member: Member, expected: Run, tolerance: number): Promise<void> {
  const layout = parameterLayout(member.network);
  const parameters = (await session.getState()).parameters.map((value, at) =>
    at < layout.trainableLength ? 0.4 * Math.sin(1.7 * at + 0.3) : value,
  );
  const moments = Array.from(
    { length: momentCount(member.options.optimiser) },
    () => new Float32Array(layout.trainableLength),
  );
  await session.setState({ parameters, moments, steps: 0 });
  const { learningRate } = member.options;
  for (let step = 0; step < STEPS; step++) {
    const order = member.set.training;
    const results = await session.trainBatches({ order, firstBatch: 0, batchCount: 1, learningRate });
    expect(Math.abs(results.losses[0] - expected.losses[step])).toBeLessThan(tolerance);
    expect(Math.abs(results.gradientNorms[0] - expected.gradientNorms[step])).toBeLessThan(tolerance);
  }
  const { outputs } = await session.evaluate(member.set.test);
  const differences = expected.outputs.flat().map((value, at) => Math.abs(value - outputs[at]));
  expect(Math.max(...differences)).toBeLessThan(10 * tolerance);
  const learnt = (await session.getState()).parameters;
  expect(learnt.length).toBe(expected.parameters.length);
  const changes = expected.parameters.map((value, at) => Math.abs(value - learnt[at]));
  expect(Math.max(...changes)).toBeLessThan(10 * tolerance);
}

describe("Six steps from the same weights end as PyTorch's", () => {
  for (const [name, setting] of Object.entries(SETTINGS)) {
    const member = memberOf(setting);
    // Its state is handed over in single precision.
    it(`in the reference: ${name}`, () => expectRun(new ReferenceSession(member), member, golden.runs[name], 1e-6));
    it(`on the CPU: ${name}`, () => expectRun(new CpuSession(member, "exact"), member, golden.runs[name], 1e-5));
  }
});

describe("Learning rates follow PyTorch's", () => {
  const specs = {
    step: { kind: "step", epochs: 3, factor: 0.1 },
    exponential: { kind: "exponential", factor: 0.95 },
    reduce_on_plateau: { kind: "reduce_on_plateau", factor: 0.5, patience: 2 },
  } as const;
  for (const [name, expected] of Object.entries(golden.schedules)) {
    it(`with ${name}`, () => {
      let state = startSchedule(0.1);
      const rates = golden.watched.map((loss, index) => {
        state = nextRate(specs[name as keyof typeof specs], state, index + 1, loss);
        return state.learningRate;
      });
      for (const [index, rate] of rates.entries()) expect(rate).toBeCloseTo(expected[index], 12);
    });
  }
});
