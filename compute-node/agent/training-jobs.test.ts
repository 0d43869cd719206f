/** Training and its models on an agent with real threads, a real socket and a store that keeps what it gets. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  MODEL_MEDIA_TYPE,
  modelBacktestSpec,
  type OperationSpec,
  type Progress,
  type TrainSpec,
} from "../../protocol/index.ts";
import { loadSample, MarketDataStore } from "../market-data/index.ts";
import { runModelBacktest } from "../models/index.ts";
import { cpuBackend } from "../training/index.ts";
import { CHECKPOINT_MEDIA_TYPE, executeTraining } from "../training-job/index.ts";
import { smallSpec } from "../training-job/testing/small-spec.ts";
import type { Agent } from "./agent.ts";
import { JobPool } from "./job-pool.ts";
import type { NodeSettings } from "./settings-table.ts";
import { FakeRegistry } from "./testing/fake-registry.ts";
import { temporaryFolder, testAgent, testSettings } from "./testing/nodes.ts";
import { leaseFor } from "./testing/story.ts";

const A = leaseFor(1);
const LONG = { epochs: 100_000 };

let registry: FakeRegistry;
let folder: ReturnType<typeof temporaryFolder>;
let agent: Agent;
let store: MarketDataStore;
let dataSha256: string;

beforeEach(async () => {
  registry = new FakeRegistry();
  await registry.start();
  folder = temporaryFolder();
  store = new MarketDataStore(join(folder.path, "data"));
  const sample = await loadSample("SP500");
  dataSha256 = (await store.put(sample.bars, sample)).sha256;
});

afterEach(async () => {
  agent.shutDown();
  await agent.ended;
  await registry.stop();
  folder.remove();
});

async function startNode(change: Partial<NodeSettings> = {}): Promise<void> {
  const settings = testSettings(registry.url, folder.path, { workerType: "cpu_training", ...change });
  // Real training starts and stops slower than the sleeps of other tests.
  agent = testAgent(settings, { timing: { shutdownMs: 300, logIntervalMs: 10, progressIntervalMs: 50 } }).agent;
  await agent.start();
  await registry.next("hello");
}

function assign(spec: OperationSpec, checkpoint: string | null = null, lease = A): void {
  registry.say({ type: "assign", ...lease, spec, checkpoint });
}

async function trainedHere(spec: TrainSpec) {
  const datasets = [{ bars: await store.open(dataSha256), sha256: dataSha256 }];
  return executeTraining({ spec, datasets, backend: cpuBackend() });
}

/** Only Linux tells the names of a process's threads. */
const NO_NAMES = process.platform === "linux" ? "" : ": Linux alone tells their names";
function trainingThreads(): number {
  const tasks = "/proc/self/task";
  const names = readdirSync(tasks).map((task) => {
    try {
      return readFileSync(join(tasks, task, "comm"), "utf8").trim();
    } catch {
      // It has ended since the folder was read.
      return "";
    }
  });
  return names.filter((name) => name === "ktrdr-training").length;
}

describe("a node that trains in several threads", () => {
  const SEEDS = { seeds: 4, backend: "cpu" } as const;

  it("uses its threads, says how many, and leaves the bytes of one thread", async () => {
    await startNode({ trainingThreads: 2, checkpointIntervalMs: 50 });
    const spec = smallSpec({ ...SEEDS, epochs: 400 });
    assign(spec);
    const { progress } = await registry.next("progress", (message) => message.progress.phase === "training");
    expect(progress.rates.threads).toBe(2);
    const { sha256 } = await registry.next("checkpoint");
    const complete = await registry.next("complete");
    const local = await trainedHere(spec);
    expect(complete.result.sha256).toBe(local.sha256);
    const datasets = [{ bars: await store.open(dataSha256), sha256: dataSha256 }];
    const checkpoint = registry.store.artefacts.get(sha256);
    const resumed = await executeTraining({ spec, datasets, backend: cpuBackend(), checkpoint });
    expect(resumed.sha256).toBe(local.sha256);
  });

  it.skipIf(NO_NAMES !== "")(
    `trains one large network by all of them, and lets them go when it is cancelled${NO_NAMES}`,
    async () => {
      await startNode({ trainingThreads: 3 });
      const spec = smallSpec({ backend: "cpu", epochs: 2 });
      const architecture = { hidden_layers: [512, 512] };
      const large = { ...spec, strategy: { ...spec.strategy, model: { type: "mlp", architecture } } };
      assign(large);
      await registry.next("log", ({ lines }) => lines.includes("1 network in 3 threads"));
      expect((await registry.next("complete")).result.sha256).toBe((await trainedHere(large)).sha256);
      registry.say({ type: "acknowledge", ...A });
      const next = leaseFor(2);
      assign({ ...large, ...LONG }, null, next);
      const { progress } = await registry.next(
        "progress",
        (message) => message.operationId === next.operationId && message.progress.phase === "training",
      );
      expect(progress.rates.threads).toBe(3);
      expect(trainingThreads()).toBe(2);
      registry.say({ type: "cancel", ...next });
      await registry.next("stopped");
      registry.say({ type: "acknowledge", ...next });
      expect(trainingThreads()).toBe(0);
    },
  );

  it.skipIf(NO_NAMES !== "").each([
    ["cancelled", () => registry.say({ type: "cancel", ...A })],
    ["saved, as the node leaves", () => agent.shutDown()],
  ])(`leaves no thread behind when it is %s${NO_NAMES}`, async (_, end) => {
    await startNode({ trainingThreads: 2 });
    assign(smallSpec({ ...SEEDS, ...LONG }));
    await registry.next("progress", (message) => message.progress.phase === "training");
    expect(trainingThreads()).toBe(2);
    end();
    await registry.next("stopped");
    registry.say({ type: "acknowledge", ...A });
    expect(trainingThreads()).toBe(0);
  });

  it.skipIf(NO_NAMES !== "")(`leaves no thread behind when its own thread is killed${NO_NAMES}`, async () => {
    const pool = new JobPool({ slots: 1, memoryMb: 256 });
    const datasets = [{ bars: await store.open(dataSha256), sha256: dataSha256 }];
    const training = { gpu: null, threads: 3, checkpointIntervalMs: 60_000 };
    const spec = smallSpec({ ...SEEDS, ...LONG });
    const started = Promise.withResolvers<void>();
    const onProgress = ({ phase }: Progress) => {
      if (phase === "training") started.resolve();
    };
    const input = { kind: "train" as const, spec, datasets, training, checkpoint: null };
    const job = pool.run(input, { onProgress, onLog: () => {} });
    await started.promise;
    expect(trainingThreads()).toBe(3);
    await pool.close();
    expect(await job.ended).toEqual({ type: "stopped" });
    expect(trainingThreads()).toBe(0);
    await startNode();
  });
});

describe("a node that trains", () => {
  it("leaves the bytes of a local run, tells loss and accuracy, and stores checkpoints on the way", async () => {
    await startNode({ checkpointIntervalMs: 50 });
    // Long enough for a word in between: threads tell their progress five times a second.
    const spec = smallSpec({ epochs: 1_500 });
    assign(spec);
    const progress = await registry.next("progress", (message) => message.progress.phase === "training");
    expect(Object.keys(progress.progress.rates)).toEqual(expect.arrayContaining(["epoch", "loss", "accuracy"]));
    const { sha256, bytes } = await registry.next("checkpoint");
    expect(registry.store.artefacts.get(sha256)).toHaveLength(bytes);
    const complete = await registry.next("complete");
    const local = await trainedHere(spec);
    expect(complete.result).toMatchObject({
      sha256: local.sha256,
      mediaType: MODEL_MEDIA_TYPE,
      summary: local.summary,
    });
    expect(registry.store.headers.map((headers) => headers["content-type"])).toEqual(
      expect.arrayContaining([CHECKPOINT_MEDIA_TYPE, MODEL_MEDIA_TYPE]),
    );
  });

  it("saves a last checkpoint when it is told to leave, from which another attempt ends with the same bytes", async () => {
    await startNode();
    // It must still run when the node is told to leave, on a fast machine too.
    const spec = smallSpec({ epochs: 3_000 });
    assign(spec);
    await registry.next("progress", (message) => message.progress.phase === "training");
    agent.shutDown();
    const { sha256 } = await registry.next("checkpoint");
    expect(await registry.next("stopped")).toMatchObject({ reason: "shutdown" });
    registry.say({ type: "acknowledge", ...A });
    await agent.ended;
    await startNode();
    const next = leaseFor(1, 2);
    assign(spec, sha256, next);
    const log = await registry.next("log", ({ lines }) => lines.some((line) => line.includes("goes on from")));
    expect(log).toMatchObject(next);
    expect((await registry.next("complete")).result.sha256).toBe((await trainedHere(spec)).sha256);
  });

  it("begins anew where the checkpoint is gone or damaged, and says so", async () => {
    await startNode();
    const spec = smallSpec();
    const local = await trainedHere(spec);
    for (const [number, checkpoint] of ["7".repeat(64), await damagedCheckpoint()].entries()) {
      const lease = leaseFor(number + 1);
      assign(spec, checkpoint, lease);
      await registry.next("log", ({ lines }) => lines.some((line) => line.includes("starts from its beginning")));
      expect((await registry.next("complete")).result.sha256).toBe(local.sha256);
      registry.say({ type: "acknowledge", ...lease });
    }
  });

  it("stops a cancelled run between two batches", async () => {
    await startNode();
    assign(smallSpec(LONG));
    await registry.next("progress", (message) => message.progress.phase === "training");
    const askedAt = performance.now();
    registry.say({ type: "cancel", ...A });
    expect(await registry.next("stopped")).toEqual({ type: "stopped", ...A, reason: "cancelled" });
    expect(performance.now() - askedAt).toBeLessThan(2_000);
    registry.say({ type: "acknowledge", ...A });
  });

  it("refuses a run that asks for a GPU, with the cure", async () => {
    await startNode();
    assign(smallSpec({ backend: "gpu" }));
    const { error } = await registry.next("fail");
    expect(error.detail).toContain("this node has none");
    expect(error.cure).toContain("gpu_host");
  });

  it("backtests a model that it fetches, to the bytes of a local run", async () => {
    await startNode();
    const trained = await trainedHere(smallSpec());
    registry.store.artefacts.set(trained.sha256, Buffer.from(trained.bytes));
    const spec = modelBacktestSpec.parse({
      kind: "model_backtest",
      model: { sha256: trained.sha256, name: "small", version: 1 },
      data: [{ symbol: "SP500", timeframe: "1d", startMs: Date.UTC(2018, 0, 1) }],
    });
    assign(spec);
    const complete = await registry.next("complete");
    const datasets = [{ bars: await store.open(dataSha256), sha256: dataSha256 }];
    const local = await runModelBacktest({ spec, datasets, model: trained.bytes });
    expect(complete.result.sha256).toBe(local.sha256);
    expect(complete.result.summary).toMatchObject({ model_sha256: trained.sha256 });
  });

  it("fetches a model once for all backtests of it, at the same moment and later", async () => {
    await startNode({ slots: 3 });
    const trained = await trainedHere(smallSpec());
    registry.store.artefacts.set(trained.sha256, Buffer.from(trained.bytes));
    const spec = modelBacktestSpec.parse({
      kind: "model_backtest",
      model: { sha256: trained.sha256 },
      data: [{ symbol: "SP500", timeframe: "1d", startMs: Date.UTC(2018, 0, 1) }],
    });
    const results: (string | null)[] = [];
    for (const leases of [[1, 2, 3].map((number) => leaseFor(number)), [leaseFor(4)]]) {
      for (const lease of leases) assign(spec, null, lease);
      for (const _ of leases) results.push((await registry.next("complete")).result.sha256);
      for (const lease of leases) registry.say({ type: "acknowledge", ...lease });
    }
    expect(new Set(results).size).toBe(1);
    const asked = registry.store.requests.filter((request) => request === `GET ${trained.sha256.slice(0, 4)}`);
    expect(asked).toHaveLength(1);
  });

  it("says that a model is not in the store", async () => {
    await startNode();
    const data = [{ symbol: "SP500", timeframe: "1d" }];
    assign(modelBacktestSpec.parse({ kind: "model_backtest", model: { sha256: "8".repeat(64) }, data }));
    const { error, retryable } = await registry.next("fail");
    expect(error.detail).toContain(`The model ${"8".repeat(64)} is no longer in the store`);
    expect(retryable).toBe(false);
  });
});

/** The hash of stored bytes that are no checkpoint. */
async function damagedCheckpoint(): Promise<string> {
  const { createHash } = await import("node:crypto");
  const bytes = Buffer.from("ktrdrckp, or what is left of it, which is not enough to go on from");
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  registry.store.artefacts.set(sha256, bytes);
  return sha256;
}
