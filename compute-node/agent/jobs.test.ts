import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Lease, type OperationSpec, portfolioSpec } from "../../protocol/index.ts";
import { decodeBacktestResult } from "../../results/index.ts";
import { executeBacktest } from "../backtest/index.ts";
import { loadSample, MarketDataStore } from "../market-data/index.ts";
import { executePortfolio } from "../portfolio/index.ts";
import { DatasetCache } from "./dataset-cache.ts";
import { DatasetFetcher } from "./dataset-fetcher.ts";
import { Jobs, type JobsOptions } from "./jobs.ts";
import type { JobOutcome } from "./state-model.ts";
import { temporaryFolder } from "./testing/nodes.ts";
import { backtestOf, leaseFor } from "./testing/story.ts";

const A = leaseFor(1);

let folder: ReturnType<typeof temporaryFolder>;
let store: MarketDataStore;
let jobs: Jobs | null;

beforeEach(() => {
  folder = temporaryFolder();
  store = new MarketDataStore(join(folder.path, "data"));
  jobs = null;
});

afterEach(async () => {
  await jobs?.close();
  folder.remove();
});

const nowhere = () => ({ url: "http://127.0.0.1:1", credential: "none" });

/** Runs one job to its end; `program` is a stand-in for the job thread. */
function runJob(spec: OperationSpec, change: Partial<JobsOptions> = {}, lease: Lease = A): Promise<JobOutcome> {
  return new Promise((resolve) => {
    jobs = new Jobs({
      slots: 1,
      memoryMb: 256,
      marketData: store,
      dataCacheBytes: 1e8,
      onProgress: () => {},
      onLog: () => {},
      onCheckpoint: () => {},
      fetcher: new DatasetFetcher(store, nowhere),
      source: nowhere,
      training: { gpu: null, threads: 1, checkpointIntervalMs: 60_000 },
      programs: { approved: {}, folder: join(folder.path, "work"), timeLimitMs: 60_000 },
      onEnded: (_, outcome) => resolve(outcome),
      ...change,
    });
    jobs.start(lease, spec, null);
  });
}

function program(text: string): URL {
  const file = join(folder.path, "program.mjs");
  writeFileSync(
    file,
    `import { parentPort } from "node:worker_threads";\nparentPort.on("message", (message) => {${text}});\n`,
  );
  return pathToFileURL(file);
}

const SLEEP: OperationSpec = { kind: "sleep", durationMs: 60_000, busy: false };

describe("a backtest job", () => {
  it("gives the same bytes in a thread as in this one, on columns that both share", async () => {
    const sample = await loadSample("SP500");
    const manifest = await store.put(sample.bars, sample);
    const spec = backtestOf("SP500");
    const outcome = await runJob(spec);
    const expected = executeBacktest({ spec, bars: await store.open(manifest.sha256), dataSha256: manifest.sha256 });
    expect(outcome).toMatchObject({
      type: "result",
      result: { sha256: expected.sha256, bytes: expected.bytes.length },
    });
    const bytes = jobs?.bytesOf(A) ?? new Uint8Array();
    expect(decodeBacktestResult(bytes).hashes.data).toBe(manifest.sha256);
    jobs?.discard(A);
    expect(() => jobs?.bytesOf(A)).toThrow("no bytes are kept");
  });

  it("fails for good where the spec is at fault, with the problem as the engine said it", async () => {
    const sample = await loadSample("AAPL");
    await store.put(sample.bars, sample);
    const outcome = await runJob(backtestOf("AAPL", "no_such_name > 1"));
    expect(outcome).toMatchObject({
      type: "failed",
      retryable: false,
      error: { type: "urn:ktrdr:problem:invalid-strategy", status: 422 },
    });
  });

  it("fails where its data went away after it was accepted", async () => {
    const outcome = await runJob(backtestOf("GONE"));
    expect(outcome).toMatchObject({ type: "failed", error: { detail: expect.stringContaining("GONE") } });
  });
});

describe("a portfolio job", () => {
  const spec = portfolioSpec.parse({
    kind: "portfolio",
    strategy: { kind: "rules", name: "up", entries: { long: "close > close[1]" }, exits: { long: "close < close[1]" } },
    data: ["SP500", "AAPL"].map((symbol) => ({ symbol, timeframe: "1d" })),
  });

  it("gives the same bytes in a thread as in this one, on all of its datasets", async () => {
    const datasets = [];
    for (const name of ["SP500", "AAPL"] as const) {
      const sample = await loadSample(name);
      const { sha256 } = await store.put(sample.bars, sample);
      datasets.push({ bars: await store.open(sha256), sha256 });
    }
    const outcome = await runJob(spec);
    const expected = executePortfolio({ spec, datasets });
    const { sha256, bytes } = expected;
    expect(outcome).toMatchObject({ type: "result", result: { sha256, bytes: bytes.length } });
  });

  it("fails where one of its datasets is missing, and names it", async () => {
    const sample = await loadSample("SP500");
    await store.put(sample.bars, sample);
    const outcome = await runJob(spec);
    expect(outcome).toMatchObject({ type: "failed", error: { detail: expect.stringContaining("AAPL") } });
  });
});

describe("a job thread", () => {
  it("that runs out of memory is a failure worth another try, with the limit, and is replaced", async () => {
    const hungry = program("const kept = []; for (;;) kept.push(new Array(1e5).fill(Math.random()));");
    const outcome = await runJob(SLEEP, { program: hungry, memoryMb: 32 });
    expect(outcome).toMatchObject({ type: "failed", retryable: true });
    expect(JSON.stringify(outcome)).toContain("ran out of memory; its limit is 32 MB");
  });

  it("that throws is a failure worth another try, with the stack as evidence", async () => {
    const outcome = await runJob(SLEEP, { program: program("throw new Error('kaboom');") });
    expect(outcome).toMatchObject({
      type: "failed",
      retryable: true,
      error: { stack: expect.stringContaining("kaboom") },
    });
  });

  it("that exits is a failure worth another try, with its exit code", async () => {
    const outcome = await runJob(SLEEP, { program: program("process.exit(7);") });
    expect(JSON.stringify(outcome)).toContain("exit code 7");
  });

  it("that does not stop when asked is killed after the grace", async () => {
    const stubborn = program('parentPort.postMessage({ type: "progress", progress: {} }); for (;;);');
    const outcome = await runJob(SLEEP, { program: stubborn, graceMs: 50, onProgress: (lease) => jobs?.stop(lease) });
    expect(outcome).toEqual({ type: "stopped" });
  });

  it("takes the next job after one that died", async () => {
    const ends: JobOutcome[] = [];
    const settled = Promise.withResolvers<void>();
    const mortal = program(
      "if (message.input.spec.durationMs === 1) process.exit(1); parentPort.postMessage({ type: 'stopped' });",
    );
    jobs = new Jobs({
      slots: 1,
      memoryMb: 64,
      marketData: store,
      dataCacheBytes: 0,
      program: mortal,
      onProgress: () => {},
      onLog: () => {},
      onCheckpoint: () => {},
      fetcher: new DatasetFetcher(store, nowhere),
      source: nowhere,
      training: { gpu: null, threads: 1, checkpointIntervalMs: 60_000 },
      programs: { approved: {}, folder: join(folder.path, "work"), timeLimitMs: 60_000 },
      onEnded: (_, outcome) => {
        ends.push(outcome);
        if (ends.length === 2) settled.resolve();
        else jobs?.start(leaseFor(2), { ...SLEEP, durationMs: 2 }, null);
      },
    });
    jobs.start(A, { ...SLEEP, durationMs: 1 }, null);
    await settled.promise;
    expect(ends.map(({ type }) => type)).toEqual(["failed", "stopped"]);
  });
});

it("keeps datasets in memory up to its bound, the least recently used going first", async () => {
  const loads: string[] = [];
  const sample = await loadSample("AAPL");
  const bytesEach = sample.bars.rows * 48;
  const cache = new DatasetCache(bytesEach * 2, async (sha256) => {
    loads.push(sha256);
    return sample.bars;
  });
  for (const name of ["a", "b", "a", "c", "a", "b"]) await cache.open(name);
  expect(loads).toEqual(["a", "b", "c", "b"]);
});
