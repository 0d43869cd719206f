import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ACTIVATIONS, type LossSpec, type Member, type NetworkSpec, type OptimiserSpec } from "../network.ts";
import { ReferenceSession } from "../reference/backend.ts";
import { ADAM, exampleMember, uniform } from "../testing/networks.ts";
import { CpuSession } from "./session.ts";

const width = fc.integer({ min: 1, max: 20 });

const mlp: fc.Arbitrary<NetworkSpec> = fc.record({
  kind: fc.constant("mlp" as const),
  inputs: width,
  hidden: fc.array(width, { maxLength: 3 }),
  outputs: fc.integer({ min: 1, max: 10 }),
  activation: fc.constantFrom(...ACTIVATIONS),
  dropout: fc.constantFrom(0, 0.25),
  batchNorm: fc.boolean(),
});

function lossFor(outputs: number): fc.Arbitrary<LossSpec> {
  if (outputs === 1) return fc.constantFrom<LossSpec>({ kind: "mse" }, { kind: "huber", delta: 0.2 });
  const classWeights = Array.from({ length: outputs }, (_, index) => 0.5 + index / 4);
  return fc.constantFrom<LossSpec>(
    { kind: "cross_entropy", classWeights: null },
    { kind: "cross_entropy", classWeights },
    { kind: "focal", gamma: 2, classWeights },
    { kind: "focal", gamma: 0, classWeights: null },
  );
}

const mlpMember = mlp.chain((network) => lossFor(network.outputs).map((loss) => exampleMember(network, { loss })));

/** The root of the mean square of the differences, as a share of the expected values' root mean square. */
function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let difference = 0;
  let size = 0;
  for (let at = 0; at < expected.length; at++) {
    difference += (actual[at] - expected[at]) ** 2;
    size += expected[at] ** 2;
  }
  return Math.sqrt(difference / Math.max(size, 1e-20));
}

/** Both sessions with weights that are neither small nor equal. */
async function sessions(member: Member): Promise<{ cpu: CpuSession; reference: ReferenceSession }> {
  const cpu = new CpuSession(member, "exact");
  const reference = new ReferenceSession(member);
  const state = await reference.getState();
  for (const [at, change] of uniform(reference.parameters.layout.trainableLength, 3).entries()) {
    state.parameters[at] += 0.2 * change;
  }
  await reference.setState(state);
  await cpu.setState(state);
  return { cpu, reference };
}

async function expectSameGradient(member: Member, rowCount: number): Promise<void> {
  const { cpu, reference } = await sessions(member);
  const rows = member.set.training.subarray(0, rowCount);
  const expected = reference.gradientOf(rows);
  const { loss, gradient } = cpu.gradientOf(rows);
  expect(loss).toBeCloseTo(expected.loss, 4);
  // Batch norm divides by a small batch's deviation, which can be near zero.
  const isNormed = member.network.kind === "mlp" && member.network.batchNorm;
  expect(relativeError(gradient, expected.weights)).toBeLessThan(isNormed ? 5e-3 : 2e-4);
}

describe("The kernels of an mlp", () => {
  it("give the reference's loss and gradient for any shape, activation, loss and batch", async () => {
    await fc.assert(
      fc.asyncProperty(mlpMember, fc.integer({ min: 5, max: 16 }), (member, rowCount) =>
        expectSameGradient(member, rowCount),
      ),
      { numRuns: 150 },
    );
  });

  it("give the reference's outputs and loss in evaluation, over several batches", async () => {
    await fc.assert(
      fc.asyncProperty(mlpMember, async (member) => {
        const { cpu, reference } = await sessions(member);
        const expected = await reference.evaluate(member.set.training);
        const actual = await cpu.evaluate(member.set.training);
        expect(relativeError(actual.outputs, expected.outputs)).toBeLessThan(1e-5);
        expect(actual.loss).toBeCloseTo(expected.loss, 4);
        expect(Math.abs(actual.correct - expected.correct)).toBeLessThanOrEqual(1);
      }),
      { numRuns: 50 },
    );
  });

  const optimisers: OptimiserSpec[] = [
    { ...ADAM, weightDecay: 0.01 },
    { ...ADAM, kind: "adamw", weightDecay: 0.1 },
    { kind: "sgd", momentum: 0, weightDecay: 0.01 },
    { kind: "sgd", momentum: 0.9, weightDecay: 0 },
    { kind: "rmsprop", alpha: 0.99, epsilon: 1e-8, weightDecay: 0.01 },
  ];
  for (const optimiser of optimisers) {
    it(`follow the reference through ${JSON.stringify(optimiser)}, clipping included`, async () => {
      const network = { kind: "mlp", inputs: 5, hidden: [9, 6], outputs: 3, activation: "tanh", dropout: 0.2 } as const;
      // The slope by a bias before batch norm is zero but for rounding, and Adam makes whole steps of that.
      const batchNorm = optimiser.kind !== "adamw";
      const member = exampleMember({ ...network, batchNorm }, { optimiser, gradientClip: 0.5 });
      const { cpu, reference } = await sessions(member);
      const request = { order: member.set.training, firstBatch: 0, batchCount: 4, learningRate: 0.01 };
      const expected = await reference.trainBatches(request);
      const actual = await cpu.trainBatches(request);
      expect(relativeError(actual.losses, expected.losses)).toBeLessThan(1e-4);
      expect(relativeError(actual.gradientNorms, expected.gradientNorms)).toBeLessThan(1e-4);
      const [left, right] = [await cpu.getState(), await reference.getState()];
      expect(relativeError(left.parameters, right.parameters)).toBeLessThan(1e-4);
      expect(left.steps).toBe(4);
      for (const [index, moment] of left.moments.entries()) {
        expect(relativeError(moment, right.moments[index])).toBeLessThan(1e-3);
      }
    });
  }
});

const recurrent: fc.Arbitrary<NetworkSpec> = fc.record({
  kind: fc.constantFrom("lstm" as const, "gru" as const),
  inputs: width,
  hidden: width,
  layers: fc.integer({ min: 1, max: 3 }),
  outputs: fc.integer({ min: 1, max: 4 }),
  dropout: fc.constantFrom(0, 0.25),
  sequenceLength: fc.integer({ min: 1, max: 6 }),
});

const recurrentMember = recurrent.chain((network) =>
  fc.tuple(lossFor(network.outputs), fc.boolean()).map(([loss, isMixed]) => {
    const member = exampleMember(network, { loss });
    if (!isMixed || network.kind === "mlp") return member;
    const { sequenceLength } = network;
    const windowRows = Uint16Array.from({ length: 100 }, (_, row) => 1 + (row % sequenceLength));
    return { ...member, set: { ...member.set, windowRows } };
  }),
);

describe("The kernels of an lstm and a gru", () => {
  it("give the reference's loss and gradient for any shape, depth, loss, batch and length of windows", async () => {
    await fc.assert(
      fc.asyncProperty(recurrentMember, fc.integer({ min: 1, max: 16 }), (member, rowCount) =>
        expectSameGradient(member, rowCount),
      ),
      { numRuns: 60 },
    );
  });

  it("give the reference's outputs and loss in evaluation, over batches of different sizes", async () => {
    await fc.assert(
      fc.asyncProperty(recurrentMember, async (member) => {
        const { cpu, reference } = await sessions(member);
        const expected = await reference.evaluate(member.set.training);
        // A smaller batch before leaves its states where the larger one's zeros belong.
        await cpu.evaluate(member.set.training.subarray(0, 3));
        const actual = await cpu.evaluate(member.set.training);
        expect(relativeError(actual.outputs, expected.outputs)).toBeLessThan(1e-5);
        expect(actual.loss).toBeCloseTo(expected.loss, 4);
      }),
      { numRuns: 20 },
    );
  });
});

describe("The kernels' gradient", () => {
  const deep = { inputs: 6, hidden: 9, layers: 2, outputs: 3, dropout: 0.2, sequenceLength: 5 } as const;
  const networks: readonly NetworkSpec[] = [
    { kind: "mlp", inputs: 6, hidden: [12, 9], outputs: 3, activation: "tanh", dropout: 0.2, batchNorm: true },
    { ...deep, kind: "lstm" },
    { ...deep, kind: "gru" },
  ];
  for (const network of networks) {
    it(`equals finite differences of the kernels' own loss along any direction: ${network.kind}`, async () => {
      const member = exampleMember(network);
      const { cpu } = await sessions(member);
      const rows = member.set.training.subarray(0, 16);
      const { parameters, ...rest } = await cpu.getState();
      const { gradient } = cpu.gradientOf(rows);
      const lossAt = async (direction: Float32Array, step: number) => {
        const moved = parameters.map((value, at) => value + step * (direction[at] ?? 0));
        await cpu.setState({ ...rest, parameters: moved });
        return cpu.gradientOf(rows).loss;
      };
      for (const seed of [11, 12, 13]) {
        const direction = uniform(gradient.length, seed);
        const slope = gradient.reduce((sum, value, at) => sum + value * direction[at], 0);
        const step = 5e-3;
        const difference = (await lossAt(direction, step)) - (await lossAt(direction, -step));
        expect(Math.abs(difference / (2 * step) - slope)).toBeLessThan(
          2e-3 * Math.hypot(...gradient) * Math.hypot(...direction),
        );
      }
    });
  }
});

describe("A session", () => {
  const network = { kind: "mlp", inputs: 6, hidden: [8], outputs: 3, activation: "relu", dropout: 0.2 } as const;
  const member = exampleMember({ ...network, batchNorm: false });

  it("gives back the state that was set, to the bit", async () => {
    const { cpu } = await sessions(member);
    await cpu.trainBatches({ order: member.set.training, firstBatch: 0, batchCount: 2, learningRate: 0.01 });
    const state = await cpu.getState();
    const other = new CpuSession(member, "exact");
    await other.setState(state);
    expect(await other.getState()).toEqual(state);
  });

  it("refuses the state of another network", async () => {
    const other = new CpuSession(exampleMember({ ...network, hidden: [9], batchNorm: false }), "exact");
    const state = await new CpuSession(member, "exact").getState();
    await expect(async () => other.setState(state)).rejects.toThrow("is not this network's");
  });

  it("ends at the batch whose loss is not finite, and leaves the weights of the batch before", async () => {
    const set = { ...member.set, features: member.set.features.slice() };
    set.features[member.set.training[20] * set.inputs] = Number.NaN;
    const cpu = new CpuSession({ ...member, set }, "exact");
    const request = { order: set.training, firstBatch: 0, learningRate: 0.01 };
    const results = await cpu.trainBatches({ ...request, batchCount: 3 });
    expect(results.losses.length).toBe(2);
    expect(results.losses[1]).toBeNaN();
    const before = new CpuSession({ ...member, set }, "exact");
    await before.trainBatches({ ...request, batchCount: 1 });
    expect(await cpu.getState()).toEqual(await before.getState());
  });
});
