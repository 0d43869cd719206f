import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { findNeuralIndicator } from "../indicators/index.ts";
import type { NetworkSpec } from "../training/network.ts";
import { walkBars } from "../training/pipeline/labels/testing/series.ts";
import { referenceBackend } from "../training/reference/backend.ts";
import { auditModel } from "./index.ts";
import { modelOf } from "./testing/models.ts";

const NETWORK: NetworkSpec = {
  kind: "mlp",
  inputs: 3,
  hidden: [5],
  outputs: 3,
  activation: "tanh",
  dropout: 0,
  batchNorm: false,
};
const [bars] = fc.sample(walkBars(300, 300), { numRuns: 1, seed: 11 });
const model = modelOf(NETWORK, { kind: "zscore", offset: 0.5, factor: 0.2 });
const auditOf = () => auditModel(model, { "1h": bars }, { backend: referenceBackend });

afterEach(() => vi.restoreAllMocks());

describe("the audit of a model", () => {
  it("compares features, outputs and decisions, and finds no fault in an honest one", async () => {
    const { findings, columns } = await auditOf();
    expect(findings).toEqual([]);
    expect(columns).toMatchObject({ output: 3, signal: 4 });
  });

  it("finds an indicator that peeks, and the outputs that follow", async () => {
    const [{ type }] = Object.values(model.manifest.strategy.indicators);
    const declaration = findNeuralIndicator(type);
    if (declaration === undefined) throw new Error(`there is no indicator ${type}`);
    vi.spyOn(declaration, "compute").mockImplementation(([input], _parameters, outputs) => {
      for (const output of outputs)
        output.forEach((_, bar) => {
          output[bar] = 50 + (input[Math.min(bar + 3, input.length - 1)] - input[bar]);
        });
    });
    const { findings } = await auditOf();
    expect(findings[0].kind).toBe("indicator");
    expect(findings.map(({ kind }) => kind)).toContain("output");
  });
});
