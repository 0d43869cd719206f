/**
 * Rows a second that the GPU backend trains: one network, and populations of them. A request is an epoch: the order of
 * the rows goes to the GPU, every batch's loss and gradient norm come back, and all of that is in the time.
 * Run: `node bench/training-gpu.ts [--json] [--quick] [--only <name>] [--software] [--unchecked] [--tilings]`; `training-gpu.py` is PyTorch's side.
 */
import { parseArgs } from "node:util";
import { type GpuBackend, openGpuBackend } from "../compute-node/training/gpu/index.ts";
import type { Tiling } from "../compute-node/training/gpu/plan.ts";
import type {
  Member,
  MlpSpec,
  NetworkSpec,
  RecurrentSpec,
  TrainingOptions,
  TrainingSession,
  TrainingSet,
} from "../compute-node/training/network.ts";
import { draw32, shuffleRows, streamKey } from "../compute-node/training/random.ts";
import { median, nowSeconds } from "./measure.ts";

const { values: flags } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    /** Runs a few batches of everything, to see that it works. */
    quick: { type: "boolean", default: false },
    /** Only cases whose name has this in it. */
    only: { type: "string", default: "" },
    /** Allows an adapter that computes on the CPU. */
    software: { type: "boolean", default: false },
    /** Without Dawn's checks of indexes and commands. */
    unchecked: { type: "boolean", default: false },
    /** Compares ways to cut the work. */
    tilings: { type: "boolean", default: false },
  },
});

interface Case {
  readonly name: string;
  readonly network: NetworkSpec;
  readonly members: number;
  /** Batches in an epoch of each member. */
  readonly batches: number;
}

interface Measured extends Omit<Case, "network"> {
  readonly batchRows: number;
  readonly rowsPerSecond: number;
  /** Time of a step of all members together. */
  readonly stepMicroseconds: number;
  readonly firstLoss: number;
  readonly lastLoss: number;
  readonly tiling: Partial<Tiling>;
}

const CLASSES = 3;
const BATCH_ROWS = 128;
const ROUNDS = flags.quick ? 1 : 5;
const WARM_UP_ROUNDS = flags.quick ? 0 : 2;

const SMALL = { name: "32-64-64-3", network: mlp([64, 64]) };
const WIDE = { name: "32-512-512-3", network: mlp([512, 512]) };
const LSTM = { name: "lstm 30x32-64", network: lstm(30, 32, 64) };
const CASES: readonly Case[] = [
  { ...SMALL, members: 1, batches: 1500 },
  { ...SMALL, members: 16, batches: 500 },
  { ...SMALL, members: 256, batches: 200 },
  { ...SMALL, members: 1024, batches: 100 },
  { ...WIDE, members: 1, batches: 500 },
  { ...WIDE, members: 16, batches: 100 },
  { name: "lstm 20x8-32", network: lstm(20, 8, 32), members: 1, batches: 200 },
  { ...LSTM, members: 1, batches: 200 },
  { ...LSTM, members: 16, batches: 50 },
];

const OPTIONS: TrainingOptions = {
  loss: { kind: "cross_entropy", classWeights: null },
  optimiser: { kind: "adam", beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 },
  learningRate: 1e-3,
  schedule: { kind: "constant" },
  batchRows: BATCH_ROWS,
  epochs: 1,
  earlyStopping: null,
  gradientClip: 1,
  seed: 0,
};

function mlp(hidden: readonly number[]): MlpSpec {
  return { kind: "mlp", inputs: 32, hidden, outputs: CLASSES, activation: "relu", dropout: 0, batchNorm: false };
}

function lstm(sequenceLength: number, inputs: number, hidden: number): RecurrentSpec {
  return { kind: "lstm", inputs, hidden, layers: 1, outputs: CLASSES, dropout: 0, sequenceLength };
}

/** Features uniform in [-1, 1); the class follows from the first two, so that there is something to learn. */
function makeSet(network: NetworkSpec, batches: number): TrainingSet {
  const { inputs } = network;
  const before = network.kind === "mlp" ? 0 : network.sequenceLength - 1;
  const rows = before + batches * BATCH_ROWS;
  const key = streamKey(7, "weights", 0);
  const features = Float32Array.from({ length: rows * inputs }, (_, index) => draw32(key, index) / 2 ** 31 - 1);
  const classOf = (_: unknown, row: number) =>
    Math.floor(((features[row * inputs] + features[row * inputs + 1] + 2) / 4) * CLASSES);
  const all = Uint32Array.from({ length: rows - before }, (_, row) => before + row);
  const values = Uint8Array.from({ length: rows }, classOf);
  return { features, inputs, labels: { kind: "classes", values }, training: all, validation: all, test: all };
}

function membersOf({ network, members }: Case, set: TrainingSet): Member[] {
  return Array.from({ length: members }, (_, seed) => ({ network, options: { ...OPTIONS, seed }, set }));
}

async function measure(backend: GpuBackend, one: Case, tiling: Partial<Tiling>): Promise<Measured> {
  const { network, ...rest } = one;
  const set = makeSet(network, one.batches);
  const sessions = await backend.createPopulation(membersOf(one, set));
  const orders = sessions.map((_, seed) => shuffleRows(set.training, seed, 0, new Uint32Array(set.training.length)));
  const seconds: number[] = [];
  const losses: number[] = [];
  for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round++) {
    const start = nowSeconds();
    losses.push(await trainEpoch(sessions, orders, one.batches));
    if (round >= WARM_UP_ROUNDS) seconds.push(nowSeconds() - start);
  }
  for (const session of sessions) session.dispose();
  const rows = one.members * one.batches * BATCH_ROWS;
  return {
    ...rest,
    batchRows: BATCH_ROWS,
    rowsPerSecond: rows / median(seconds),
    stepMicroseconds: (median(seconds) / one.batches) * 1e6,
    firstLoss: losses[0],
    lastLoss: losses[losses.length - 1],
    tiling,
  };
}

/** Answers the mean loss over members and batches. */
async function trainEpoch(sessions: readonly TrainingSession[], orders: readonly Uint32Array[], batches: number) {
  const request = { firstBatch: 0, batchCount: batches, learningRate: OPTIONS.learningRate };
  const results = await Promise.all(
    sessions.map((session, member) => session.trainBatches({ ...request, order: orders[member] })),
  );
  const losses = results.flatMap((result) => [...result.losses]);
  return losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
}

const TILINGS: readonly Partial<Tiling>[] = [
  {},
  ...[4, 8, 16, 32].flatMap((rowsPerGroup) =>
    [64, 128, 256].map((rowThreads) => ({ rowsPerGroup, rowThreads, rowsPerThread: Math.min(8, rowsPerGroup) })),
  ),
  { rowsPerThread: 4 },
  { layered: true },
  { layered: false },
  ...[16, 32].flatMap((gradientTile) => [16, 32, 64].map((gradientRows) => ({ gradientTile, gradientRows }))),
];

function caseOfRun(one: Case): Case {
  return flags.quick ? { ...one, members: Math.min(2, one.members), batches: 2 } : one;
}

const results: Measured[] = [];
let adapter: unknown = null;
for (const tiling of flags.tilings ? TILINGS : [{}]) {
  const backend = await openGpuBackend({ allowSoftware: flags.software, unchecked: flags.unchecked, tiling });
  if (adapter === null && !flags.json) console.log(`${backend.name}\n`);
  adapter = backend.description;
  for (const one of CASES.filter(({ name }) => name.includes(flags.only)).map(caseOfRun)) {
    const result = await measure(backend, one, tiling);
    results.push(result);
    if (!flags.json) console.log(lineOf(result));
  }
  backend.dispose();
}
console.log(flags.json ? JSON.stringify({ program: "ktrdr webgpu", adapter, results }) : JSON.stringify({ adapter }));

function lineOf({ name, members, rowsPerSecond, stepMicroseconds, firstLoss, lastLoss, tiling }: Measured): string {
  return [
    name.padEnd(14),
    `x ${members}`.padEnd(7),
    `${(rowsPerSecond / 1e6).toFixed(2)}e6 rows/s`.padStart(18),
    `${stepMicroseconds.toFixed(1)} us/step`.padStart(18),
    `  loss ${firstLoss.toFixed(4)} -> ${lastLoss.toFixed(4)}`,
    flags.tilings ? `  ${JSON.stringify(tiling)}` : "",
  ].join("");
}
