import { describe, expect, it } from "vitest";
import { Problem } from "../../../protocol/problem.ts";
import { CpuSession } from "../cpu/session.ts";
import { ACTIVATIONS, type Activation } from "../network.ts";
import { exampleMember } from "../testing/networks.ts";
import { Arena, createKernels, type KernelMode } from "./kernels.ts";

function problemOf(work: () => void): Problem {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(Problem);
    return error as Problem;
  }
  throw new Error("Nothing was thrown.");
}

/** Runs a kernel over values; their count is a multiple of four. */
function activated(activation: Activation, values: Float32Array): Float32Array {
  const arena = new Arena(createKernels("exact"));
  const address = arena.allocateFloats(values.length);
  const view = new Float32Array(arena.kernels.memory.buffer, address, values.length);
  view.set(values);
  arena.kernels.activate(address, values.length, ACTIVATIONS.indexOf(activation));
  return view;
}

/** From -100 to 100, dense around zero. */
const POINTS = Float32Array.from({ length: 40_000 }, (_, at) => 100 * ((at - 20_000) / 20_000) ** 3);

describe("The kernels' functions", () => {
  it("tanh is right to 4 units in the last place", () => {
    const actual = activated("tanh", POINTS);
    for (const [at, x] of POINTS.entries()) {
      const expected = Math.tanh(x);
      expect(Math.abs(actual[at] - expected)).toBeLessThanOrEqual(4 * 2 ** -23 * Math.abs(expected));
    }
  });

  it("the sigmoid is right to 2 units in the last place where it is not tiny", () => {
    const actual = activated("sigmoid", POINTS);
    for (const [at, x] of POINTS.entries()) {
      const expected = 1 / (1 + Math.exp(-x));
      expect(Math.abs(actual[at] - expected)).toBeLessThanOrEqual(2 * 2 ** -23 * expected + 2e-38);
    }
  });

  it("keep NaN, and give infinities their limits", () => {
    const values = Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0);
    expect([...activated("relu", values)]).toEqual([Number.NaN, Number.POSITIVE_INFINITY, 0, 0]);
    expect([...activated("tanh", values)]).toEqual([Number.NaN, 1, -1, 0]);
    const [nan, one, zero, half] = activated("sigmoid", values);
    expect([nan, one, half]).toEqual([Number.NaN, 1, 0.5]);
    expect(zero).toBeLessThan(1e-37);
  });
});

describe("Kernels that cannot be had", () => {
  it("say how to build them", () => {
    const problem = problemOf(() => createKernels("absent" as KernelMode));
    expect(problem.message).toContain("absent.wasm cannot be read");
    expect(problem.cure).toContain("npm run build");
  });

  it("say how much memory a network wants that is too large", () => {
    const network = { kind: "mlp", inputs: 4, hidden: [40_000, 40_000], outputs: 3, activation: "relu" } as const;
    const problem = problemOf(
      () => new CpuSession(exampleMember({ ...network, dropout: 0, batchNorm: false }), "exact"),
    );
    expect(problem.kind).toBe("too-large");
    expect(problem.message).toMatch(/need \d{4,} MB/);
  });
});
