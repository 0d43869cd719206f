/** The GPU backend on SwiftShader, held to the float64 reference (which finite differences hold) and to the CPU backend. */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Problem } from "../../../protocol/index.ts";
import { cpuBackend } from "../cpu/backend.ts";
import type { Member, OptimiserSpec, RecurrentSpec, TrainingBackend, TrainingSession } from "../network.ts";
import { shuffleRows } from "../random.ts";
import { ReferenceSession } from "../reference/backend.ts";
import { TrainingRun } from "../train.ts";
import { trainAll } from "../turns.ts";
import { findAdapter } from "./adapter.ts";
import { backendOf, type GpuBackend } from "./backend.ts";
import { GpuDevice } from "./device.ts";
import { type SmallMember, smallMember, smallRecurrentMember, smallSet } from "./testing/small-members.ts";
import { NO_SOFTWARE_ADAPTER, useSoftwareAdapter } from "./testing/software-adapter.ts";

const available = useSoftwareAdapter();
if (!available) console.warn(`The tests of the GPU backend are skipped. ${NO_SOFTWARE_ADAPTER}`);

/** Relative, of a gradient as a whole: single precision, summed in another order. */
const GRADIENT_TOLERANCE = 5e-6;

const SGD: OptimiserSpec = { kind: "sgd", momentum: 0, weightDecay: 0 };

describe.skipIf(!available)("the GPU backend", () => {
  let device: GpuDevice;
  let gpu: GpuBackend;

  beforeAll(async () => {
    device = await GpuDevice.open(await findAdapter({ allowSoftware: true }));
    gpu = backendOf(device);
  });

  afterAll(() => gpu?.dispose());

  describe("has the reference's gradient", () => {
    const focal = { kind: "focal", gamma: 2, classWeights: [1, 2, 0.5] } as const;
    const cases: readonly (SmallMember & { title: string; recurrent?: "lstm" | "gru"; large?: boolean })[] = [
      { title: "of cross entropy with class weights, through tanh" },
      { title: "of focal loss, through sigmoid", activation: "sigmoid", loss: focal },
      { title: "of huber, through leaky relu", activation: "leaky_relu", loss: { kind: "huber", delta: 0.4 } },
      { title: "of mse with dropout, through tanh", loss: { kind: "mse" }, dropout: 0.3 },
      { title: "with work cut for many members, through relu", activation: "relu", hidden: [37, 12, 5], large: true },
      { title: "of an lstm with dropout and windows of several lengths", recurrent: "lstm", dropout: 0.3 },
      { title: "of a gru with dropout and windows of several lengths", recurrent: "gru", dropout: 0.3 },
    ];
    it.for(cases)("$title", async ({ large, recurrent, ...small }) => {
      const plain = { ...small, options: { optimiser: SGD, gradientClip: null } };
      const member = recurrent === undefined ? smallMember(plain) : smallRecurrentMember(recurrent, plain);
      const cut = { rowsPerGroup: 8, rowsPerThread: 8, gradientTile: 32, gradientRows: 16 };
      const session = await (large ? backendOf(device, { tiling: cut }) : gpu).create(member);
      const before = { ...(await session.getState()), steps: 2 };
      // A step of length 1 leaves the gradient as the difference.
      await session.setState(before);
      const order = member.set.training.toReversed();
      // The last batch, which is not full.
      const request = { order, firstBatch: 3, batchCount: 1, learningRate: 1 };
      const { losses, gradientNorms } = await session.trainBatches(request);
      const { parameters } = await session.getState();
      session.dispose();
      const reference = new ReferenceSession(member);
      await reference.setState(before);
      const expected = reference.gradientOf(order.slice(48));
      const gradient = before.parameters.map((value, index) => value - parameters[index]);
      expect(distance(gradient, expected.weights) / norm(expected.weights)).toBeLessThan(GRADIENT_TOLERANCE);
      expect(losses[0]).toBeCloseTo(expected.loss, 5);
      expect(gradientNorms[0] / norm(expected.weights)).toBeCloseTo(1, 5);
    });
  });

  describe("trains as the CPU does", () => {
    const adam: OptimiserSpec = { kind: "adam", beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 1e-2 };
    const runs: readonly (SmallMember & { title: string; optimiser: OptimiserSpec; recurrent?: "lstm" | "gru" })[] = [
      { title: "adam", optimiser: adam },
      { title: "adam, batch norm", optimiser: adam, batchNorm: true },
      { title: "adam, an lstm", optimiser: adam, recurrent: "lstm" },
      { title: "adamw", optimiser: { kind: "adamw", beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 1e-1 } },
      { title: "sgd with momentum", optimiser: { kind: "sgd", momentum: 0.9, weightDecay: 1e-2 } },
      { title: "rmsprop", optimiser: { kind: "rmsprop", alpha: 0.9, epsilon: 1e-6, weightDecay: 1e-2 } },
    ];
    it.for(runs)("with $title, clipping and dropout", async ({ optimiser, recurrent, batchNorm = false }) => {
      const small = { batchNorm, dropout: 0.2, options: { optimiser, gradientClip: 0.3 } };
      const member = recurrent === undefined ? smallMember(small) : smallRecurrentMember(recurrent, small);
      const [onGpu, onCpu] = [await trainEpochs(gpu, member), await trainEpochs(cpuBackend(), member)];
      for (const [index, loss] of onCpu.losses.entries()) expect(onGpu.losses[index]).toBeCloseTo(loss, 4);
      expect(onGpu.correct).toEqual(onCpu.correct);
      expect(onGpu.evaluation.loss).toBeCloseTo(onCpu.evaluation.loss, 4);
      expect(onGpu.evaluation.correct).toBe(onCpu.evaluation.correct);
      const { parameters } = onCpu.state;
      expect(distance(onGpu.state.parameters, parameters) / norm(parameters)).toBeLessThan(1e-3);
      expect(onGpu.state.steps).toBe(onCpu.state.steps);
      expect(onGpu.losses.at(-1)).toBeLessThan(onGpu.losses[0]);
    });
  });

  it("trains a population to the bits of each member alone, whatever its rate, fold, batches and class weights", async () => {
    const set = smallSet("classes");
    const half = { ...set, training: set.training.slice(0, 31) };
    const members = [
      smallMember({ set, options: { seed: 1 } }),
      smallMember({ set: half, options: { seed: 2, learningRate: 0.03 } }),
      smallMember({ set, options: { seed: 3, batchRows: 7, gradientClip: null } }),
      smallMember({ set, loss: { kind: "cross_entropy", classWeights: null }, options: { seed: 4 } }),
    ];
    const sessions = await gpu.createPopulation(members);
    const together = await Promise.all(members.map((member, index) => trainSession(sessions[index], member)));
    for (const [index, member] of members.entries()) {
      const alone = await trainEpochs(gpu, member);
      expect(together[index].losses).toEqual(alone.losses);
      expect(together[index].state).toEqual(alone.state);
    }
  });

  it("gives the same bits however the batches are cut into requests, and from a state that was taken in between", async () => {
    const member = smallMember({ dropout: 0.2 });
    const order = member.set.training.toReversed();
    const learningRate = 0.01;
    const whole = await gpu.create(member);
    await whole.trainBatches({ order, firstBatch: 0, batchCount: 4, learningRate });
    // One batch a slice.
    const sliced = await backendOf(device, { sliceBytes: 64 }).create(member);
    await sliced.trainBatches({ order, firstBatch: 0, batchCount: 4, learningRate });
    expect(await sliced.getState()).toEqual(await whole.getState());
    const begun = await gpu.create(member);
    await begun.trainBatches({ order, firstBatch: 0, batchCount: 3, learningRate });
    const resumed = await gpu.create(smallMember({ dropout: 0.2 }));
    await resumed.setState(await begun.getState());
    await resumed.trainBatches({ order, firstBatch: 3, batchCount: 1, learningRate });
    expect(await resumed.getState()).toEqual(await whole.getState());
    for (const session of [whole, sliced, begun, resumed]) session.dispose();
  });

  it("hands a run over to the CPU by a checkpoint, and takes it back", async () => {
    const member = smallMember({ dropout: 0.2, options: { epochs: 3 } });
    const onCpu = await TrainingRun.create(cpuBackend(), member, "data");
    const moved = await TrainingRun.create(gpu, member, "data");
    await moved.advance(3);
    const taken = await TrainingRun.create(cpuBackend(), member, "data", await moved.checkpoint());
    await taken.advance(3);
    const back = await TrainingRun.create(gpu, member, "data", await taken.checkpoint());
    const [expected] = await trainAll([onCpu]);
    const [trained] = await trainAll([back]);
    expect(trained.end).toBe(expected.end);
    expect(trained.bestEpoch).toBe(expected.bestEpoch);
    expect(trained.history.map(({ validationAccuracy }) => validationAccuracy)).toEqual(
      expected.history.map(({ validationAccuracy }) => validationAccuracy),
    );
    expect(distance(trained.parameters, expected.parameters) / norm(expected.parameters)).toBeLessThan(1e-3);
    for (const run of [moved, back]) run.session.dispose();
  });

  it("trains a population in as few passes as its longest member needs alone", async () => {
    const members = [1, 2, 3].map((seed) => smallMember({ options: { seed, epochs: 2 } }));
    const runs = await TrainingRun.createPopulation(gpu, members, "data");
    const submitted = vi.spyOn(device.device.queue, "submit");
    await trainAll(runs);
    // Two epochs, and for each: the batches, their results, the outputs, their copy, the best weights; then the end.
    expect(submitted.mock.calls.length).toBeLessThanOrEqual(2 * 5 + 1);
    submitted.mockRestore();
    for (const run of runs) run.session.dispose();
  });

  it("stops at a loss that is not finite, and leaves the weights as they were before it", async () => {
    const set = smallSet("classes");
    set.features.fill(Number.POSITIVE_INFINITY, 20 * set.inputs, 21 * set.inputs);
    const member = smallMember({ set });
    const session = await backendOf(device, { sliceBytes: 64 }).create(member);
    const request = { order: set.training, learningRate: 0.01 };
    await session.trainBatches({ ...request, firstBatch: 0, batchCount: 1 });
    const before = await session.getState();
    const results = await session.trainBatches({ ...request, firstBatch: 1, batchCount: 2 });
    expect([...results.losses]).toEqual([Number.NaN]);
    expect(await session.getState()).toEqual(before);
    session.dispose();
  });

  it("reads features and rows that several threads share", async () => {
    const set = smallSet("classes");
    const features = new Float32Array(new SharedArrayBuffer(set.features.byteLength));
    features.set(set.features);
    const order = new Uint32Array(new SharedArrayBuffer(set.training.byteLength));
    order.set(set.training);
    const [shared, plain] = [{ ...set, features, training: order }, set];
    const states = [shared, plain].map(async (one) => (await trainEpochs(gpu, smallMember({ set: one }))).state);
    const [first, second] = await Promise.all(states);
    expect(first).toEqual(second);
  });

  it("refuses a network that does not fit into a workgroup's memory, and says so beforehand", async () => {
    const member = smallRecurrentMember("gru");
    const wide = { ...member, network: { ...(member.network as RecurrentSpec), hidden: 1000 } };
    await expect(gpu.create(wide)).rejects.toThrow("The network holds 9003 values of a row at once");
    await expect(gpu.create(wide)).rejects.toMatchObject({ cure: expect.stringContaining("CPU") });
    expect(gpu.refusal(wide)?.kind).toBe("too-large");
    expect(gpu.refusal(member)).toBeNull();
  });

  it("ends running requests when a session is disposed of, and trains others on", async () => {
    const member = smallMember();
    const [closed, other] = [await gpu.create(member), await gpu.create(member)];
    const request = { order: member.set.training, firstBatch: 0, batchCount: 3, learningRate: 0.01 };
    const work = closed.trainBatches(request);
    closed.dispose();
    await expect(work).rejects.toThrow("The training on the GPU was closed");
    expect((await other.trainBatches(request)).losses).toHaveLength(3);
    other.dispose();
  });

  it("tells a state that is not this network's", async () => {
    const session = await gpu.create(smallMember());
    const state = { parameters: new Float32Array(3), moments: [], steps: 0 };
    await expect(session.setState(state)).rejects.toThrow("3 weights");
    session.dispose();
  });

  it("answers everything with a Problem once the device is lost", async () => {
    const lost = backendOf(await GpuDevice.open(await findAdapter({ allowSoftware: true })));
    const session = await lost.create(smallMember());
    lost.dispose();
    const order = new Uint32Array(16);
    const work = session.trainBatches({ order, firstBatch: 0, batchCount: 1, learningRate: 0.01 });
    await expect(work).rejects.toThrow(Problem);
    await expect(session.getState()).rejects.toThrow("was closed");
  });

  async function trainEpochs(backend: TrainingBackend, member: Member) {
    return trainSession(await backend.create(member), member);
  }
});

/** Every epoch of the member in two requests, as a training loop might; disposes of the session. */
async function trainSession(session: TrainingSession, { options, set }: Member) {
  const losses: number[] = [];
  const correct: number[] = [];
  const batches = Math.ceil(set.training.length / options.batchRows);
  for (let epoch = 0; epoch < options.epochs; epoch++) {
    const order = shuffleRows(set.training, options.seed, epoch, new Uint32Array(set.training.length));
    const { learningRate } = options;
    for (const [firstBatch, batchCount] of [
      [0, 2],
      [2, batches - 2],
    ]) {
      const results = await session.trainBatches({ order, firstBatch, batchCount, learningRate });
      losses.push(...results.losses);
      correct.push(...results.correct);
    }
  }
  const evaluation = await session.evaluate(set.validation);
  const state = await session.getState();
  session.dispose();
  return { losses, correct, evaluation, state };
}

function norm(values: ArrayLike<number>): number {
  return Math.hypot(...Array.from(values));
}

function distance(left: ArrayLike<number>, right: ArrayLike<number>): number {
  return norm(Array.from(left, (value, index) => value - right[index]));
}
