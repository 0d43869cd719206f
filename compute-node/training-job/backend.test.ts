import { describe, expect, it } from "vitest";
import { Problem } from "../../protocol/problem.ts";
import { loadSample } from "../market-data/index.ts";
import { NO_SOFTWARE_ADAPTER, useSoftwareAdapter } from "../training/gpu/testing/software-adapter.ts";
import { cpuBackend, type TrainingBackend } from "../training/index.ts";
import { exampleMember } from "../training/testing/networks.ts";
import { openBackend, withFallback } from "./backend.ts";
import { executeTraining } from "./execute.ts";
import { smallSpec } from "./testing/small-spec.ts";

const MEMBER = exampleMember({
  ...{ kind: "mlp", inputs: 2, hidden: [3], outputs: 2, activation: "relu", dropout: 0, batchNorm: false },
});

const CPU_ALONE = { gpu: null, threads: 1 };
const SOFTWARE_GPU = { gpu: { allowSoftware: true }, threads: 1 };
const GPU = { gpu: { allowSoftware: false }, threads: 1 };

function refusing(thrown: unknown): TrainingBackend {
  const refuse = () => Promise.reject(thrown);
  return { name: "picky", create: refuse, createPopulation: refuse };
}

async function opened(backend: "auto" | "cpu" | "gpu", fast = false) {
  const lines: string[] = [];
  const { backend: chosen } = await openBackend({ backend, fast }, CPU_ALONE, (more) => lines.push(...more));
  return { name: chosen.name, lines };
}

describe("the backend of a run", () => {
  it("is the CPU where the node has no GPU, which is said unless the CPU was asked for", async () => {
    expect(await opened("auto")).toEqual({ name: "cpu", lines: ["this node has no GPU: training on the CPU"] });
    expect(await opened("cpu")).toEqual({ name: "cpu", lines: [] });
    expect(await opened("cpu", true)).toEqual({ name: "cpu-fast", lines: [] });
  });

  it("is refused where a GPU is asked for and the node has none", async () => {
    await expect(opened("gpu")).rejects.toThrow("this node has none");
  });

  it("is the second one for a network that the first refuses, with a log line and its own name", async () => {
    const lines: string[] = [];
    const picky = refusing(new Problem("invalid-request", "No networks today."));
    const backend = withFallback(picky, cpuBackend(), (more) => lines.push(...more));
    (await backend.create(MEMBER)).dispose();
    expect(backend.name).toBe("cpu");
    expect(lines).toEqual(["No networks today. Training on the CPU."]);
  });

  it.skipIf(!useSoftwareAdapter())(`is the node's GPU where it has one (${NO_SOFTWARE_ADAPTER})`, async () => {
    const lines: string[] = [];
    const onLog = (more: string[]) => lines.push(...more);
    const { backend, close } = await openBackend({ backend: "auto", fast: false }, SOFTWARE_GPU, onLog);
    const datasets = [{ bars: (await loadSample("SP500")).bars, sha256: "5".repeat(64) }];
    const saved: Uint8Array[] = [];
    const onTurn = async (save: () => Promise<Uint8Array>) => {
      saved.push(await save());
    };
    const onGpu = await executeTraining({ spec: smallSpec({ epochs: 2 }), datasets, backend, onTurn });
    await close();
    expect(lines).toEqual([`training on ${backend.name}`]);
    expect(onGpu.summary.backend).toBe(backend.name);
    // A node without a GPU goes on from there, and comes to the same but for rounding.
    const moved = { spec: smallSpec({ epochs: 2 }), datasets, backend: cpuBackend(), checkpoint: saved[0], onLog };
    const onCpu = await executeTraining(moved);
    expect(lines.at(-1)).not.toContain("starts from its beginning");
    expect(onCpu.summary.validation_loss).toBeCloseTo(Number(onGpu.summary.validation_loss), 3);
  });

  it("says why a GPU cannot be used, and takes the CPU unless the GPU was asked for", async () => {
    const lines: string[] = [];
    const onLog = (more: string[]) => lines.push(...more);
    const { backend } = await openBackend({ backend: "auto", fast: false }, GPU, onLog);
    if (backend.name !== "cpu") return expect(lines).toEqual([`training on ${backend.name}`]);
    expect(lines).toEqual([expect.stringMatching(/^the GPU cannot be used \(.+\): training on the CPU$/)]);
    const asked = openBackend({ backend: "gpu", fast: false }, GPU, onLog);
    await expect(asked).rejects.toThrow();
  });

  it("does not hide a fault of ours behind the second one", async () => {
    const backend = withFallback(refusing(new TypeError("x is undefined")), cpuBackend(), () => {});
    await expect(backend.create(MEMBER)).rejects.toThrow("x is undefined");
  });
});
