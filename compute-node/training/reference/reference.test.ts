import { describe, expect, it } from "vitest";
import type { LossSpec, Member, NetworkSpec } from "../network.ts";
import { exampleMember, uniform } from "../testing/networks.ts";
import { ReferenceSession } from "./backend.ts";

const WEIGHTS = [0.5, 1.5, 1];
const MLP = { kind: "mlp", inputs: 5, hidden: [7, 6], outputs: 3, dropout: 0, batchNorm: false } as const;
const RECURRENT = { inputs: 2, hidden: 3, layers: 2, outputs: 3, sequenceLength: 4 } as const;

const NETWORKS: readonly NetworkSpec[] = [
  { ...MLP, activation: "tanh" },
  { ...MLP, activation: "sigmoid" },
  { ...MLP, activation: "relu" },
  { ...MLP, activation: "leaky_relu", hidden: [9] },
  { ...MLP, activation: "relu", hidden: [] },
  { ...MLP, activation: "tanh", dropout: 0.4 },
  { ...MLP, activation: "tanh", batchNorm: true },
  { ...MLP, activation: "sigmoid", batchNorm: true, dropout: 0.3 },
  { ...RECURRENT, kind: "lstm", dropout: 0 },
  { ...RECURRENT, kind: "lstm", dropout: 0.3, layers: 3 },
  { ...RECURRENT, kind: "gru", dropout: 0 },
  { ...RECURRENT, kind: "gru", dropout: 0.3, layers: 3 },
];

const LOSSES: readonly LossSpec[] = [
  { kind: "cross_entropy", classWeights: null },
  { kind: "cross_entropy", classWeights: WEIGHTS },
  { kind: "focal", gamma: 2, classWeights: WEIGHTS },
  { kind: "focal", gamma: 0.5, classWeights: null },
  { kind: "huber", delta: 0.3 },
  { kind: "mse" },
];

/** The largest difference between the gradient and central differences of the loss, as a share of the largest slope. */
function gradientError(member: Member, rowCount: number): number {
  const session = new ReferenceSession(member);
  const { values, layout } = session.parameters;
  // Away from the initial state, where norms are 1 and 0.
  for (const [at, change] of uniform(layout.trainableLength, 3).entries()) values[at] += 0.1 * change;
  const kept = values.slice();
  const rows = member.set.training.subarray(0, rowCount);
  const { weights } = session.gradientOf(rows);
  const lossAt = (at: number, shift: number) => {
    values.set(kept);
    values[at] += shift;
    return session.gradientOf(rows).loss;
  };
  const step = 1e-5;
  const errors = weights.map((slope, at) => Math.abs((lossAt(at, step) - lossAt(at, -step)) / (2 * step) - slope));
  return Math.max(...errors) / Math.max(...weights.map(Math.abs));
}

describe("The reference's gradient equals finite differences", () => {
  for (const network of NETWORKS) {
    const { kind, dropout } = network;
    const detail =
      kind === "mlp" ? `${network.activation} [${network.hidden}]${network.batchNorm ? " batch norm" : ""}` : "";
    it(`for an ${kind} ${detail} dropout ${dropout}`, () => {
      const member = exampleMember(network);
      expect(gradientError(member, 5)).toBeLessThan(1e-7);
    });
  }

  for (const loss of LOSSES) {
    it(`for the loss ${JSON.stringify(loss)}`, () => {
      const outputs = "classWeights" in loss ? 3 : 1;
      const member = exampleMember({ ...MLP, activation: "tanh", outputs }, { loss });
      expect(gradientError(member, 9)).toBeLessThan(1e-7);
    });
  }

  it("for windows of different lengths", () => {
    const member = exampleMember({ ...RECURRENT, kind: "lstm", dropout: 0.2 });
    const windowRows = Uint16Array.from({ length: 100 }, (_, row) => 1 + (row % 4));
    expect(gradientError({ ...member, set: { ...member.set, windowRows } }, 5)).toBeLessThan(1e-7);
  });
});
