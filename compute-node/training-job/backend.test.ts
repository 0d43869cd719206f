import { describe, expect, it } from "vitest";
import { Problem } from "../../protocol/problem.ts";
import { cpuBackend, type TrainingBackend } from "../training/index.ts";
import { exampleMember } from "../training/testing.ts";
import { openBackend, withFallback } from "./backend.ts";

const MEMBER = exampleMember({
  ...{ kind: "mlp", inputs: 2, hidden: [3], outputs: 2, activation: "relu", dropout: 0, batchNorm: false },
});

function refusing(thrown: unknown): TrainingBackend {
  const refuse = () => Promise.reject(thrown);
  return { name: "picky", create: refuse, createPopulation: refuse };
}

async function opened(backend: "auto" | "cpu" | "gpu", fast = false) {
  const lines: string[] = [];
  const { backend: chosen } = await openBackend({ backend, fast }, null, (more) => lines.push(...more));
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

  it("does not hide a fault of ours behind the second one", async () => {
    const backend = withFallback(refusing(new TypeError("x is undefined")), cpuBackend(), () => {});
    await expect(backend.create(MEMBER)).rejects.toThrow("x is undefined");
  });
});
