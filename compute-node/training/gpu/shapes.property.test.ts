/** Whatever the network's shape and however its work is cut, the GPU has the reference's gradient and outputs. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { patience } from "../../../test/support/patience.ts";
import type { LossSpec, MlpSpec, NetworkSpec, RecurrentSpec } from "../network.ts";
import { ReferenceSession } from "../reference/backend.ts";
import { exampleMember } from "../testing/networks.ts";
import { findAdapter } from "./adapter.ts";
import { backendOf } from "./backend.ts";
import { GpuDevice } from "./device.ts";
import type { Tiling } from "./plan.ts";
import { NO_SOFTWARE_ADAPTER, useSoftwareAdapter } from "./testing/software-adapter.ts";

const available = useSoftwareAdapter();
if (!available) console.warn(`The property tests of GPU kernels are skipped. ${NO_SOFTWARE_ADAPTER}`);

/** SwiftShader compiles the kernels of a case in about a second. */
const CASES = 6;

const shared = {
  inputs: fc.constantFrom(1, 2, 7, 8, 33),
  outputs: fc.integer({ min: 1, max: 4 }),
  dropout: fc.constantFrom(0, 0.4),
};
const mlp: fc.Arbitrary<MlpSpec> = fc.record({
  ...shared,
  kind: fc.constant("mlp"),
  hidden: fc.constantFrom([], [1], [8], [17, 33], [64, 3, 9]),
  activation: fc.constantFrom("relu", "leaky_relu", "tanh", "sigmoid"),
  batchNorm: fc.boolean(),
});
const recurrent: fc.Arbitrary<RecurrentSpec> = fc.record({
  ...shared,
  kind: fc.constantFrom("lstm", "gru"),
  hidden: fc.constantFrom(1, 3, 8, 17),
  layers: fc.integer({ min: 1, max: 3 }),
  sequenceLength: fc.constantFrom(1, 2, 5),
});
const tiling: fc.Arbitrary<Tiling> = fc.record({
  layered: fc.boolean(),
  rowsPerGroup: fc.constantFrom(8, 16, 32),
  rowsPerThread: fc.constantFrom(4, 8),
  rowThreads: fc.constantFrom(32, 64, 128, 256),
  gradientTile: fc.constantFrom(16, 32),
  gradientRows: fc.constantFrom(16, 32),
});

function lossOf({ outputs }: NetworkSpec): LossSpec {
  if (outputs === 1) return { kind: "huber", delta: 0.3 };
  return { kind: "focal", gamma: 0.5, classWeights: [1, 2, 3, 4].slice(0, outputs) };
}

describe.skipIf(!available)("kernels of any shape", { timeout: patience(120_000) }, () => {
  let device: GpuDevice;

  beforeAll(async () => {
    // Dawn's checks would turn an index out of bounds into one within; and they take most of the compiler's time.
    device = await GpuDevice.open(await findAdapter({ allowSoftware: true, unchecked: true }));
  });

  afterAll(() => device?.destroy());

  it("have the reference's gradient and outputs", async () => {
    const batchRows = fc.constantFrom(1, 5, 16, 40);
    const property = fc.asyncProperty(fc.oneof(mlp, recurrent), tiling, batchRows, async (network, cut, rows) => {
      const optimiser = { kind: "sgd", momentum: 0, weightDecay: 0 } as const;
      const member = exampleMember(network, { loss: lossOf(network), optimiser, batchRows: rows });
      const { training, validation } = member.set;
      const session = await backendOf(device, { tiling: cut }).create(member);
      const before = await session.getState();
      const request = { order: training, firstBatch: 1, batchCount: 1, learningRate: 1 };
      const { losses } = await session.trainBatches(request);
      const after = await session.getState();
      const { outputs } = await session.evaluate(validation);
      session.dispose();
      const reference = new ReferenceSession(member);
      await reference.setState(before);
      const { loss, weights } = reference.gradientOf(training.slice(rows, 2 * rows));
      await reference.setState(after);
      const expected = await reference.evaluate(validation);
      const gradient = before.parameters.map((value, index) => value - after.parameters[index]);
      const difference = Math.hypot(...weights.map((slope, index) => slope - gradient[index]));
      expect(difference).toBeLessThan(1e-5 * Math.hypot(...weights) + 1e-7);
      expect(losses[0]).toBeCloseTo(loss, 5);
      for (const [index, output] of expected.outputs.entries()) expect(outputs[index]).toBeCloseTo(output, 4);
    });
    await fc.assert(property, { numRuns: CASES });
  });
});
