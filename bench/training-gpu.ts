/**
 * Rows a second that the GPU backend trains: one network, and populations of them. A request is an epoch: the order of
 * the rows goes to the GPU, every batch's loss and gradient norm come back, and all of that is in the time.
 * Run: `node bench/training-gpu.ts [--json] [--quick] [--software] [--tilings]`; `training-gpu.py` is PyTorch's side.
 */
import { parseArgs } from "node:util";
import { type GpuBackend, openGpuBackend } from "../compute-node/training/gpu/index.ts";
import type { Tiling } from "../compute-node/training/gpu/plan.ts";
import type {
  Member,
  MlpSpec,
  TrainingOptions,
  TrainingSession,
  TrainingSet,
} from "../compute-node/training/network.ts";
import { draw32, shuffleRows, streamKey } from "../compute-node/training/random.ts";
import { median, nowSeconds } from "./measure.ts";

const { values: flags } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    /** A few batches of everything: whether it works. */
    quick: { type: "boolean", default: false },
    /** Allows an adapter that computes on the CPU. */
    software: { type: "boolean", default: false },
    /** Compares ways to cut the work. */
    tilings: { type: "boolean", default: false },
  },
});

interface Case {
  readonly name: string;
  readonly hidden: readonly number[];
  readonly members: number;
  /** Batches in an epoch of each member. */
  readonly batches: number;
}

interface Measured extends Case {
  readonly batchRows: number;
  readonly rowsPerSecond: number;
  /** Of all members together. */
  readonly stepMicroseconds: number;
  readonly firstLoss: number;
  readonly lastLoss: number;
  readonly tiling: Partial<Tiling>;
}

const INPUTS = 32;
const CLASSES = 3;
const BATCH_ROWS = 128;
const ROUNDS = flags.quick ? 1 : 5;
const WARM_UP_ROUNDS = flags.quick ? 0 : 2;

const CASES: readonly Case[] = [
  { name: "32-64-64-3", hidden: [64, 64], members: 1, batches: 1500 },
  { name: "32-64-64-3", hidden: [64, 64], members: 16, batches: 500 },
  { name: "32-64-64-3", hidden: [64, 64], members: 256, batches: 200 },
  { name: "32-64-64-3", hidden: [64, 64], members: 1024, batches: 100 },
  { name: "32-512-512-3", hidden: [512, 512], members: 1, batches: 500 },
  { name: "32-512-512-3", hidden: [512, 512], members: 16, batches: 100 },
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

/** Features uniform in [-1, 1); the class follows from the first two, so that there is something to learn. */
function makeSet(batches: number): TrainingSet {
  const rows = batches * BATCH_ROWS;
  const key = streamKey(7, "weights", 0);
  const features = Float32Array.from({ length: rows * INPUTS }, (_, index) => draw32(key, index) / 2 ** 31 - 1);
  const classOf = (_: unknown, row: number) =>
    Math.floor(((features[row * INPUTS] + features[row * INPUTS + 1] + 2) / 4) * CLASSES);
  const all = Uint32Array.from({ length: rows }, (_, row) => row);
  const values = Uint8Array.from({ length: rows }, classOf);
  return { features, inputs: INPUTS, labels: { kind: "classes", values }, training: all, validation: all, test: all };
}

function membersOf({ hidden, members, batches }: Case, set: TrainingSet): Member[] {
  const network: MlpSpec = {
    kind: "mlp",
    inputs: INPUTS,
    hidden,
    outputs: CLASSES,
    activation: "relu",
    dropout: 0,
    batchNorm: false,
  };
  if (set.training.length !== batches * BATCH_ROWS) throw new Error("the set is of another size");
  return Array.from({ length: members }, (_, seed) => ({ network, options: { ...OPTIONS, seed }, set }));
}

async function measure(backend: GpuBackend, one: Case, tiling: Partial<Tiling>): Promise<Measured> {
  const set = makeSet(one.batches);
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
    ...one,
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
  ...[16, 32].flatMap((gradientTile) => [16, 32, 64].map((gradientRows) => ({ gradientTile, gradientRows }))),
];

function caseOfRun(one: Case): Case {
  return flags.quick ? { ...one, members: Math.min(3, one.members), batches: 3 } : one;
}

const results: Measured[] = [];
let adapter: unknown = null;
for (const tiling of flags.tilings ? TILINGS : [{}]) {
  const backend = await openGpuBackend({ allowSoftware: flags.software, tiling });
  if (adapter === null && !flags.json) console.log(`${backend.name}\n`);
  adapter = backend.description;
  for (const one of CASES.map(caseOfRun)) {
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
