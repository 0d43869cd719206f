/**
 * Training in two threads as a ratio to one, for several networks side by side and for one large network whose layers
 * are split. Both train the same batches, and end with the same bits, or the program fails.
 *
 * They take turns of some tens of milliseconds. A busy machine would measure who else is there: on Linux a turn counts
 * only if no thread of this process waited for a processor for more than a twentieth of it, and it says how many counted.
 * With `--every-turn` all count, for a machine that is quiet (or `chrt -r 1`, which makes it so).
 * `node bench/training-threads.ts [--threads 2] [--seconds 60] [--every-turn] [--json]`
 */
import { readdirSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import {
  cpuBackend,
  type Member,
  type NetworkSpec,
  openSplitBackend,
  openThreadedBackend,
  type TrainingBackend,
  TrainingRun,
  TrainingTurns,
} from "../compute-node/training/index.ts";
import { exampleMember } from "../compute-node/training/testing/networks.ts";
import { median } from "./measure.ts";

const BATCH_ROWS = 128;
const EXAMPLES = 20_000;
/** Turns that count, of each workload. */
const ENOUGH_TURNS = 25;
const WAITED_SHARE = 0.05;

const { values } = parseArgs({
  options: {
    threads: { type: "string", default: "2" },
    seconds: { type: "string", default: "60" },
    "every-turn": { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});

interface Workload {
  readonly name: string;
  readonly network: NetworkSpec;
  readonly models: number;
  /** Batches of each model in a turn. */
  readonly batches: number;
}

function mlp(hidden: readonly number[], batches: number, models = 1): Workload {
  const shape = { activation: "relu", dropout: 0, batchNorm: false } as const;
  const network = { kind: "mlp", inputs: 32, hidden, outputs: 3, ...shape } as const;
  return { name: `mlp 32-${hidden.join("-")}-3`, network, models, batches };
}

function lstm(sequenceLength: number, inputs: number, hidden: number, batches: number, models = 1): Workload {
  const network = { kind: "lstm", inputs, hidden, layers: 1, outputs: 3, dropout: 0, sequenceLength } as const;
  return { name: `lstm ${sequenceLength} x ${inputs}, ${hidden} hidden`, network, models, batches };
}

const WORKLOADS: readonly Workload[] = [
  mlp([64, 64], 20, 16),
  mlp([64, 64], 80, 3),
  lstm(20, 8, 32, 3, 8),
  mlp([128, 128], 60),
  mlp([256, 256], 20),
  mlp([512, 512], 6),
  mlp([1024, 1024], 2),
  lstm(20, 8, 32, 10),
  lstm(30, 32, 64, 2),
];

interface Contestant {
  readonly backend: TrainingBackend;
  readonly runs: readonly TrainingRun[];
  readonly turns: TrainingTurns;
  readonly batches: number;
}

async function contestant(backend: TrainingBackend, { network, models, batches }: Workload): Promise<Contestant> {
  const options = { batchRows: BATCH_ROWS, learningRate: 1e-3, epochs: 1_000_000 };
  const members = Array.from(
    { length: models },
    (_, seed): Member => exampleMember(network, { ...options, seed }, EXAMPLES),
  );
  const runs = await TrainingRun.createPopulation(backend, members, "");
  const turns = new TrainingTurns(runs);
  const beside = new Set(runs.map(({ session }) => session.thread)).size;
  return { backend, runs, turns, batches: Math.ceil((batches * models) / beside) };
}

/** Milliseconds that this process's threads have waited for a processor; 0 where the system does not tell. */
function waitedMs(): number {
  const tasks = "/proc/self/task";
  if (process.platform !== "linux") return 0;
  return readdirSync(tasks).reduce((sum, task) => {
    try {
      return sum + Number(readFileSync(`${tasks}/${task}/schedstat`, "utf8").split(" ")[1]) / 1e6;
    } catch {
      // The thread has ended.
      return sum;
    }
  }, 0);
}

/** Examples a second of one turn, of all models together; null for one that was disturbed. */
async function timed({ turns, runs, batches }: Contestant): Promise<number | null> {
  const before = runs.reduce((sum, { batchesDone }) => sum + batchesDone, 0);
  const waited = waitedMs();
  const start = performance.now();
  await turns.advance(batches);
  const tookMs = performance.now() - start;
  const isDisturbed = !values["every-turn"] && waitedMs() - waited > WAITED_SHARE * tookMs;
  const done = runs.reduce((sum, { batchesDone }) => sum + batchesDone, 0) - before;
  return isDisturbed ? null : (1000 * done * BATCH_ROWS) / tookMs;
}

interface Result {
  readonly name: string;
  readonly models: number;
  readonly turns: number;
  /** Median over the turns that counted; null for none. */
  readonly ratio: number | null;
  readonly oneThread: number | null;
}

async function measure(workload: Workload, threads: number, untilMs: number): Promise<Result> {
  const open = workload.models > 1 ? openThreadedBackend : openSplitBackend;
  const several = open(threads);
  const one = await contestant(cpuBackend(), workload);
  const all = await contestant(several, workload);
  const pairs: (readonly [number, number])[] = [];
  for (let turn = 0; pairs.length < ENOUGH_TURNS && (turn < 3 || performance.now() < untilMs); turn++) {
    const [first, second] = [await timed(one), await timed(all)];
    // The first turns warm up.
    if (turn > 1 && first !== null && second !== null) pairs.push([first, second]);
  }
  await requireSameBits(one, all);
  await several.close();
  const isMeasured = pairs.length > 0;
  return {
    ...{ name: workload.name, models: workload.models, turns: pairs.length },
    ratio: isMeasured ? median(pairs.map(([first, second]) => second / first)) : null,
    oneThread: isMeasured ? median(pairs.map(([first]) => first)) : null,
  };
}

/** Compares the first model of both, after as many batches. */
async function requireSameBits(one: Contestant, all: Contestant): Promise<void> {
  const [left, right] = [one.runs[0], all.runs[0]];
  while (left.batchesDone < right.batchesDone) await left.advance(right.batchesDone - left.batchesDone);
  while (right.batchesDone < left.batchesDone) await right.advance(left.batchesDone - right.batchesDone);
  const [expected, found] = [await left.checkpoint(), await right.checkpoint()];
  if (Buffer.compare(expected, found) !== 0) throw new Error("the weights depend on the number of threads");
}

const [threads, secondsEach] = [Number(values.threads), Number(values.seconds) / WORKLOADS.length];
const results: Result[] = [];
for (const workload of WORKLOADS) {
  const result = await measure(workload, threads, performance.now() + 1000 * secondsEach);
  results.push(result);
  if (values.json) continue;
  const { name, models, ratio, oneThread, turns } = result;
  const what = `${name}${models > 1 ? `, ${models} models` : ""}`.padEnd(34);
  if (ratio === null || oneThread === null) console.log(`${what}the machine was never quiet enough`);
  else
    console.log(`${what}${oneThread.toExponential(2)}/s in one, x ${ratio.toFixed(2)} in ${threads} (${turns} turns)`);
}
if (values.json) console.log(JSON.stringify({ threads, results }));
