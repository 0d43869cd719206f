import { describe, expect, it } from "vitest";
import type { NetworkSpec } from "../network.ts";
import { initialParameters } from "../random.ts";
import { softmax } from "../reference/loss.ts";
import { exampleMember } from "../testing.ts";
import { Predictor } from "./predictor.ts";
import { CpuSession } from "./session.ts";

const NETWORKS: readonly NetworkSpec[] = [
  { kind: "mlp", inputs: 30, hidden: [64, 32], outputs: 3, activation: "relu", dropout: 0.2, batchNorm: true },
  { kind: "mlp", inputs: 3, hidden: [5], outputs: 10, activation: "sigmoid", dropout: 0, batchNorm: false },
  { kind: "lstm", inputs: 4, hidden: 8, layers: 2, outputs: 3, dropout: 0.2, sequenceLength: 5 },
  { kind: "gru", inputs: 4, hidden: 8, layers: 1, outputs: 1, dropout: 0, sequenceLength: 3 },
];

describe("A predictor", () => {
  for (const network of NETWORKS) {
    it(`answers to the bit as the ${network.kind} with ${network.inputs} inputs did in training`, async () => {
      const loss =
        network.outputs === 1 ? ({ kind: "mse" } as const) : ({ kind: "cross_entropy", classWeights: null } as const);
      const { set, ...member } = exampleMember(network, { loss }, 600);
      const session = new CpuSession({ ...member, set }, "exact");
      await session.trainBatches({ order: set.training, firstBatch: 0, batchCount: 3, learningRate: 0.01 });
      const { parameters } = await session.getState();
      const expected = (await session.evaluate(set.training)).outputs;
      expect(new Predictor(network, parameters).predict(set, set.training)).toEqual(expected);
    });
  }

  it("gives probabilities that are the softmax of its outputs", () => {
    const [, network] = NETWORKS;
    const { set } = exampleMember(network);
    const predictor = new Predictor(network, initialParameters(network, 4));
    const values = Float64Array.from(predictor.predict(set, set.test));
    const probabilities = predictor.probabilities(set, set.test);
    for (let row = 0; row < set.test.length; row++) {
      const expected = softmax({ rows: set.test.length, columns: 10, values }, row);
      for (const [at, p] of expected.entries()) expect(probabilities[row * 10 + at]).toBeCloseTo(p, 6);
    }
  });

  it("refuses weights and features that are not the network's", () => {
    const [network, other] = NETWORKS;
    expect(() => new Predictor(network, new Float32Array(7))).toThrow("The model has 7 weights, and its network");
    const predictor = new Predictor(other, initialParameters(other, 1));
    const { set } = exampleMember(network);
    expect(() => predictor.predict(set, set.test)).toThrow("The model has 3 inputs, and the data 30 features.");
  });
});
