/**
 * Examples per second of training on the CPU, as ratios to PyTorch on one thread and to plain JavaScript.
 *
 * All train the same network from the same weights on the same batches in the same order: cross entropy, Adam, no
 * dropout, no clipping. They take turns, batch group by batch group, and each is timed by the processor time of its
 * own process, since a busy machine stretches the clock; the ratio is the median over the turns.
 * `node bench/training.ts [--rounds 9] [--batches 10] [--json]`; `KTRDR_BENCH_PYTHON` names the Python that has PyTorch. What matrix
 * library that uses is printed, since it decides most of its speed: OpenBLAS is many times Debian's default.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { CpuSession } from "../compute-node/training/cpu/session.ts";
import type { KernelMode } from "../compute-node/training/kernels/kernels.ts";
import type { Member, NetworkSpec } from "../compute-node/training/network.ts";
import { initialParameters } from "../compute-node/training/random.ts";
import { exampleMember } from "../compute-node/training/testing/networks.ts";
import { median } from "./measure.ts";
import { PlainMlp } from "./variants/plain-mlp.ts";

const BATCH_ROWS = 128;
const LEARNING_RATE = 1e-3;
/**
 * Losses after the first turn may differ by this. Later they drift apart: a rounding that turns one unit on or off is
 * enough.
 */
const LOSS_AGREEMENT = 1e-3;

interface Workload {
  readonly name: string;
  readonly network: NetworkSpec;
  readonly batches: number;
  /** Models that are trained; PyTorch trains one, and is compared by the model. */
  readonly models: number;
  /** Least ratio to PyTorch that is wanted. */
  readonly goal: number;
}

function mlp(hidden: readonly number[], batches: number, goal: number, models = 1): Workload {
  const name = `mlp 32-${hidden.join("-")}-3${models > 1 ? `, ${models} models` : ""}`;
  const network = {
    kind: "mlp",
    inputs: 32,
    hidden,
    outputs: 3,
    activation: "relu",
    dropout: 0,
    batchNorm: false,
  } as const;
  return { name, network, batches, goal, models };
}

function lstm(sequenceLength: number, inputs: number, hidden: number, batches: number, goal: number): Workload {
  const network = { kind: "lstm", inputs, hidden, layers: 1, outputs: 3, dropout: 0, sequenceLength } as const;
  return { name: `lstm ${sequenceLength} x ${inputs}, ${hidden} hidden`, network, batches, goal, models: 1 };
}

const WORKLOADS: readonly Workload[] = [
  mlp([64, 64], 200, 2.2),
  mlp([64, 64], 50, 3, 16),
  mlp([128, 64], 100, 1.3),
  mlp([256, 256], 30, 0.47),
  mlp([512, 512], 10, 0.25),
  lstm(20, 8, 32, 12, 1),
  lstm(30, 32, 64, 4, 0.5),
];

/** PyTorch in a process of its own, asked line by line. */
class Torch {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(python: string) {
    const script = fileURLToPath(new URL("variants/torch_training.py", import.meta.url));
    const environment = { ...process.env, OMP_NUM_THREADS: "1", OPENBLAS_NUM_THREADS: "1" };
    this.#process = spawn(python, [script], { stdio: ["pipe", "pipe", "inherit"], env: environment });
    this.#process.on("error", () => {});
    const { stdout } = this.#process;
    if (stdout === null) throw new Error("PyTorch's process has no output.");
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  async answer<Answer>(): Promise<Answer | null> {
    const { value, done } = await this.#lines.next();
    return done === true ? null : (JSON.parse(value) as Answer);
  }

  async ask<Answer>(request: unknown): Promise<Answer> {
    this.#process.stdin?.write(`${JSON.stringify(request)}\n`);
    const answer = await this.answer<Answer>();
    if (answer === null) throw new Error("PyTorch's process ended early.");
    return answer;
  }

  close(): void {
    this.#process.stdin?.end();
    this.#process.kill();
  }
}

/** Seconds of this process's processor time that some work takes. */
function processorSeconds(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

interface Result {
  readonly name: string;
  /** Examples per second and model. */
  readonly rates: Readonly<Record<string, number>>;
  /** Our rate as a multiple of theirs. */
  readonly ratios: Readonly<Record<string, number>>;
  readonly goal: number;
  readonly losses: Readonly<Record<string, number>>;
}

function memberOf({ network, batches }: Workload): Member {
  const windowRows = network.kind === "mlp" ? 1 : network.sequenceLength;
  const rowCount = batches * BATCH_ROWS + windowRows - 1;
  const member = exampleMember(network, { batchRows: BATCH_ROWS, learningRate: LEARNING_RATE }, rowCount);
  const rows = Uint32Array.from({ length: batches * BATCH_ROWS }, (_, at) => at + windowRows - 1);
  return { ...member, set: { ...member.set, training: rows } };
}

function describeToTorch(folder: string, { network, options, set }: Member): object {
  const write = (name: string, values: Float32Array) => {
    const path = join(folder, name);
    writeFileSync(path, values);
    return path;
  };
  return {
    network,
    batchRows: BATCH_ROWS,
    learningRate: LEARNING_RATE,
    features: write("features", set.features),
    labels: write("labels", Float32Array.from(set.labels.values)),
    weights: write("weights", initialParameters(network, options.seed)),
  };
}

interface Variant {
  /** Trains once on all batches, and returns the seconds. */
  train(): number | Promise<number>;
  /** Over all training rows. */
  loss(): Promise<number>;
}

/** As many sessions as there are models, one after the other. */
function kernels(mode: KernelMode, { batches, models }: Workload, member: Member): Variant {
  const sessions = Array.from({ length: models }, () => new CpuSession(member, mode));
  const { training: order } = member.set;
  const request = { order, firstBatch: 0, batchCount: batches, learningRate: LEARNING_RATE };
  return {
    train: () =>
      processorSeconds(() => {
        for (const session of sessions) session.trainBatchesNow(request);
      }) / models,
    loss: async () => (await sessions[0].evaluate(order)).loss,
  };
}

/** Plain loops, for a small mlp. */
function plainJavaScript({ batches }: Workload, { network, set, options }: Member): Variant | null {
  if (network.kind !== "mlp" || Math.max(...network.hidden) > 64 || set.labels.kind !== "classes") return null;
  const widths = [network.inputs, ...network.hidden, network.outputs];
  const plain = new PlainMlp(widths, initialParameters(network, options.seed));
  const { values } = set.labels;
  return {
    train: () =>
      processorSeconds(() => {
        for (let batch = 0; batch < batches; batch++) {
          plain.trainBatch(set.features, values, batch * BATCH_ROWS, BATCH_ROWS, LEARNING_RATE);
        }
      }),
    loss: async () => plain.meanLoss(set.features, values, batches * BATCH_ROWS),
  };
}

async function variantsOf(workload: Workload, torch: Torch | null, folder: string): Promise<Record<string, Variant>> {
  const member = memberOf(workload);
  const variants: Record<string, Variant> = {
    ktrdr: kernels("exact", workload, member),
    "ktrdr --fast": kernels("fast", workload, member),
  };
  const plain = workload.models === 1 ? plainJavaScript(workload, member) : null;
  if (plain !== null) variants["plain JavaScript"] = plain;
  if (torch === null) return variants;
  await torch.ask(describeToTorch(folder, member));
  variants.PyTorch = {
    train: async () => (await torch.ask<{ seconds: number }>(workload.batches)).seconds,
    loss: async () => (await torch.ask<{ loss: number }>(0)).loss,
  };
  return variants;
}

async function lossesOf(variants: Readonly<Record<string, Variant>>): Promise<Record<string, number>> {
  const losses: Record<string, number> = {};
  for (const [name, variant] of Object.entries(variants)) losses[name] = await variant.loss();
  return losses;
}

async function measure(workload: Workload, rounds: number, torch: Torch | null, folder: string): Promise<Result> {
  const variants = await variantsOf(workload, torch, folder);
  const seconds = new Map(Object.keys(variants).map((name) => [name, [] as number[]]));
  // One more turn, which warms up and does not count.
  for (let round = 0; round <= rounds; round++) {
    for (const [name, variant] of Object.entries(variants)) {
      const taken = await variant.train();
      if (round > 0) seconds.get(name)?.push(taken);
    }
    if (round === 0) checkAgreement(workload.name, await lossesOf(variants));
  }
  const ours = seconds.get("ktrdr") ?? [];
  const examples = workload.batches * BATCH_ROWS;
  const timed = [...seconds];
  return {
    name: workload.name,
    goal: workload.goal,
    losses: await lossesOf(variants),
    rates: Object.fromEntries(timed.map(([name, values]) => [name, examples / median(values)])),
    ratios: Object.fromEntries(
      timed.map(([name, values]) => [name, median(values.map((value, round) => value / ours[round]))]),
    ),
  };
}

/** Throws when a loss is not ours: then one of the two did other work. */
function checkAgreement(name: string, losses: Readonly<Record<string, number>>): void {
  for (const [variant, loss] of Object.entries(losses)) {
    if (Math.abs(loss - losses.ktrdr) <= LOSS_AGREEMENT) continue;
    throw new Error(`${name}: after one turn the loss of ${variant} is ${loss} and ours ${losses.ktrdr}.`);
  }
}

function print({ name, rates, ratios, losses, goal }: Result): void {
  console.log(`\n${name}`);
  for (const [variant, rate] of Object.entries(rates)) {
    const ratio = variant === "ktrdr" ? "" : `ktrdr is ${ratios[variant].toPrecision(3)} times as fast`;
    const loss = `loss ${losses[variant].toFixed(6)}`;
    const wanted = variant === "PyTorch" ? `(goal: ${goal})` : "";
    console.log(`  ${variant.padEnd(18)}${rate.toExponential(2)}/s  ${loss}   ${ratio} ${wanted}`.trimEnd());
  }
}

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "9" },
    /** Used instead of each workload's own. */
    batches: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const torch = new Torch(process.env.KTRDR_BENCH_PYTHON ?? "python3");
const folder = mkdtempSync(join(tmpdir(), "ktrdr-bench-"));
try {
  const hello = await torch.answer<{ version?: string; blas?: string; missing?: string }>();
  const isThere = hello?.version !== undefined;
  const peer = isThere ? `PyTorch ${hello.version}, matrices by ${hello.blas}` : "PyTorch is not installed";
  if (!values.json) console.log(`examples per second of processor time, batches of ${BATCH_ROWS}; ${peer}`);
  const results: Result[] = [];
  for (const { batches, ...rest } of WORKLOADS) {
    const workload = { ...rest, batches: Number(values.batches ?? batches) };
    const result = await measure(workload, Number(values.rounds), isThere ? torch : null, folder);
    results.push(result);
    if (!values.json) print(result);
  }
  if (values.json) console.log(JSON.stringify({ peer, results }));
} finally {
  torch.close();
  rmSync(folder, { recursive: true, force: true });
}
