/**
 * The very bits of the learnt weights. The hashes were made on x86-64 with Node 24; whatever the processor, the
 * operating system and the engine, these must come out. They change only with the arithmetic of the kernels, the random
 * numbers or the examples below.
 */
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { NetworkSpec } from "../network.ts";
import { exampleMember } from "../testing/networks.ts";
import { TrainingRun } from "../train.ts";
import { trainAll } from "../turns.ts";
import { cpuBackend } from "./backend.ts";

const MLP = { kind: "mlp", inputs: 11, hidden: [24, 12], outputs: 3, dropout: 0.2 } as const;
const RECURRENT = { inputs: 5, hidden: 10, layers: 2, outputs: 3, dropout: 0.1, sequenceLength: 6 } as const;

const CASES: readonly { network: NetworkSpec; sha256: string }[] = [
  {
    network: { ...MLP, activation: "relu", batchNorm: false },
    sha256: "50936d5f0b67a3d04c5bca1aae1ee4dfbd5d8fd5a2996a7ffaf5f14d211eb53c",
  },
  {
    network: { ...MLP, activation: "tanh", batchNorm: true },
    sha256: "03a5493d7b4f3b837eaa89fb1c01220f483ed1a6d3c1a88897f5e95f6f769fb1",
  },
  {
    network: { ...MLP, activation: "sigmoid", batchNorm: false },
    sha256: "eedc1cd19856c25715b7cc98a7c3f77170f71c365033d1bd76e14e6687f158f0",
  },
  {
    network: { ...RECURRENT, kind: "lstm" },
    sha256: "b1dd4aa3089aa69cfade2bfcb73df8a6729279ed8a57215a5ace2b2abdfc1613",
  },
  {
    network: { ...RECURRENT, kind: "gru" },
    sha256: "b3e4d06646e7de25c2399e06566c45a47cd89d487c1f8e849cd7e5b7d429745b",
  },
];

describe("Training ends with the same bits on every machine", () => {
  for (const { network, sha256 } of CASES) {
    const detail = network.kind === "mlp" ? ` ${network.activation}` : "";
    it(`for an ${network.kind}${detail}`, async () => {
      const member = exampleMember(network, { epochs: 4, gradientClip: 1 }, 150);
      const [{ parameters }] = await trainAll([await TrainingRun.create(cpuBackend(), member, "")]);
      expect(createHash("sha256").update(parameters).digest("hex")).toBe(sha256);
    });
  }
});
