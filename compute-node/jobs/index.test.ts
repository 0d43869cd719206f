import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { OPERATION_KINDS, operationSpec } from "../../protocol/index.ts";
import { barsOn } from "../market-data/index.ts";
import { inputOf, type JobSources, type JobTurn, runJob } from "./index.ts";

const DATASET = { bars: barsOn(new SharedArrayBuffer(0), 0), sha256: "0".repeat(64) };

const SOURCES: JobSources = {
  datasets: [DATASET],
  model: async (sha256) => new TextEncoder().encode(sha256),
  checkpoint: async () => Uint8Array.of(1, 2, 3),
  training: { gpu: null, threads: 1, checkpointIntervalMs: 60_000 },
};

const fail = (): never => {
  throw new Error("nobody listens");
};
const DEAF: JobTurn = { progress: fail, log: fail, detail: fail, print: fail, pause: fail, between: fail };
const DATA = [{ symbol: "SP500", timeframe: "1d" }];

it("each file of compute-node/jobs that defines a job has its row in compute-node/jobs/index.ts", () => {
  const defined = readdirSync(import.meta.dirname)
    .filter((file) => /Job: (Thread|Process)Job</.test(readFileSync(new URL(file, import.meta.url), "utf8")))
    .map((file) => file.replace(/\.ts$/, "").replaceAll("-", "_"));
  expect(defined.sort()).toEqual([...OPERATION_KINDS].sort());
});

describe("a job's input", () => {
  it("has, for a program, the prices and the checkpoint of the attempt before", async () => {
    const spec = operationSpec.parse({ kind: "command", program: "trend", data: DATA });
    expect(await inputOf(spec, SOURCES)).toEqual({
      ...{ kind: "command", spec, datasets: [DATASET] },
      checkpoint: Uint8Array.of(1, 2, 3),
    });
  });

  it("has, for a model's backtest, the file that the specification names", async () => {
    const model = { sha256: "a".repeat(64) };
    const spec = operationSpec.parse({ kind: "model_backtest", model, data: DATA });
    const file = new TextEncoder().encode(model.sha256);
    expect(await inputOf(spec, SOURCES)).toEqual({ kind: "model_backtest", spec, datasets: [DATASET], model: file });
  });

  it("has, for a sleep, nothing but the specification", async () => {
    const spec = operationSpec.parse({ kind: "sleep", durationMs: 1 });
    expect(await inputOf(spec, SOURCES)).toEqual({ kind: "sleep", spec });
  });
});

it("a sleep of no time ends without a word", async () => {
  const spec = { kind: "sleep", durationMs: 0, busy: false } as const;
  const { bytes, result } = await runJob({ kind: "sleep", spec }, DEAF);
  expect(bytes).toBeNull();
  expect(result.summary).toEqual({ duration_ms: 0, busy: false });
});

it("a program does not run in a thread", async () => {
  const spec = operationSpec.parse({ kind: "command", program: "trend", data: [] });
  await expect(runJob(await inputOf(spec, SOURCES), DEAF)).rejects.toThrow("a command runs in a process of its own");
});
