/** The trainers of examples/trainers as a node runs them. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { commandSpec } from "../../protocol/index.ts";
import { loadSample, sliceBars } from "../market-data/index.ts";
import type { ProgramEnd } from "./program-run.ts";
import { Programs } from "./programs.ts";

const TRAINERS = join(import.meta.dirname, "..", "..", "examples", "trainers");
const PYTHON = "/usr/bin/python3";
const YEARS = { startMs: Date.UTC(2010, 0, 1), endMs: Date.UTC(2012, 11, 31) };

let folder: string;
let programs: Programs;
let lines: string[];
let epochs: number[];
let checkpoints: Uint8Array[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ktrdr-trainers-"));
  [lines, epochs, checkpoints] = [[], [], []];
  const approved = {
    "trend-line": [process.execPath, join(TRAINERS, "trend-line.mjs")],
    "pytorch-mlp": [PYTHON, join(TRAINERS, "pytorch_mlp.py")],
  };
  programs = new Programs({ approved, folder, timeLimitMs: 60_000 });
});
afterEach(async () => {
  await programs.close();
  rmSync(folder, { recursive: true, force: true });
});

async function run(
  program: string,
  input: Record<string, unknown>,
  checkpoint: Uint8Array | null = null,
): Promise<Extract<ProgramEnd, { type: "result" }>> {
  const data = [{ symbol: "SP500", timeframe: "1d", ...YEARS }];
  const spec = commandSpec.parse({ kind: "command", program, input, data, dataFormat: "npy" });
  const { bars } = await loadSample("SP500");
  const lease = { operationId: "op_00000000000000000001", attempt: 1 };
  const { ended } = programs.run(
    { lease, spec, datasets: [{ bars, sha256: "a".repeat(64) }], checkpoint },
    {
      onProgress: ({ rates }) => epochs.push(rates.epoch ?? 0),
      onLog: (told) => lines.push(...told),
      onCheckpoint: (bytes) => checkpoints.push(bytes),
    },
  );
  const end = await ended;
  if (end.type !== "result") throw new Error(`it ended as ${JSON.stringify(end)}`);
  return end;
}

describe("the trainer without libraries", () => {
  it("fits the trend, and ends with the same bytes when it goes on from a checkpoint", async () => {
    const whole = await run("trend-line", { epochs: 25 });
    expect(epochs.at(-1)).toBe(25);
    expect(checkpoints).toHaveLength(2);
    // A least-squares line over bars that are centred passes the mean; 25 halvings of its distance leave 1e-7 of it.
    const { bars } = await loadSample("SP500");
    const logs = [...sliceBars(bars, YEARS.startMs, YEARS.endMs).close].map(Math.log);
    const { level, slope } = whole.result.summary as { level: number; slope: number };
    expect(level).toBeCloseTo(logs.reduce((sum, log) => sum + log) / logs.length, 5);
    expect(slope).toBeGreaterThan(0);
    const resumed = await run("trend-line", { epochs: 25 }, checkpoints[0]);
    expect(lines).toContain("goes on after epoch 10");
    expect(resumed.result.sha256).toBe(whole.result.sha256);
  });
});

const hasTorch = ((): boolean => {
  try {
    execFileSync(PYTHON, ["-c", "import torch, numpy"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

describe.skipIf(!hasTorch)("the trainer with PyTorch (skipped where /usr/bin/python3 has no torch)", () => {
  it("learns, tells its figures, and ends with the same loss when it goes on from a checkpoint", async () => {
    const input = { epochs: 6, hidden: [16], checkpoint_epochs: 3 };
    const whole = await run("pytorch-mlp", input);
    expect(epochs.at(-1)).toBe(6);
    expect(checkpoints).toHaveLength(2);
    const summary = whole.result.summary as { loss: number; validation_accuracy: number };
    expect(summary.loss).toBeLessThan(0.72);
    expect(summary.validation_accuracy).toBeGreaterThan(0.3);
    expect(
      Buffer.from(whole.bytes ?? [])
        .subarray(0, 2)
        .toString(),
    ).toBe("PK");
    const resumed = await run("pytorch-mlp", input, checkpoints[0]);
    expect(lines).toContain("goes on after epoch 3");
    expect(resumed.result.summary).toEqual(whole.result.summary);
  });

  it("refuses an input that it does not know", async () => {
    await expect(run("pytorch-mlp", { epoch: 6 })).rejects.toThrow("unknown input: epoch");
  });
});
