import fc from "fast-check";
import { expect, it } from "vitest";
import { type MlpSpec, parameterLayout } from "../network.ts";
import { planOf, type Shape } from "./plan.ts";

const LIMITS = {
  bufferBytes: 2 ** 30,
  storageBindingBytes: 2 ** 30,
  storageBuffersPerStage: 10,
  workgroupMemoryBytes: 16_384,
  workgroupThreads: 256,
};

function shapeOf(network: MlpSpec, members: number): Shape {
  const optimiser = { optimiserKind: "adam", moments: 2 } as const;
  return { network, lossKind: "cross_entropy", ...optimiser, dropout: false, windows: false, members };
}

const networks: fc.Arbitrary<MlpSpec> = fc.record({
  kind: fc.constant("mlp"),
  inputs: fc.integer({ min: 1, max: 300 }),
  hidden: fc.array(fc.integer({ min: 1, max: 700 }), { maxLength: 4 }),
  outputs: fc.integer({ min: 1, max: 9 }),
  activation: fc.constant("relu"),
  dropout: fc.constant(0),
  batchNorm: fc.boolean(),
});

it("rows in workgroup memory fit, with room for the values that threads exchange", () => {
  fc.assert(
    fc.property(networks, fc.constantFrom(1, 16, 1000), (network, members) => {
      const { tiling, cellColumns } = planOf(shapeOf(network, members), LIMITS);
      if (tiling.layered) return;
      expect(cellColumns * tiling.rowsPerGroup * 4 + 512).toBeLessThanOrEqual(LIMITS.workgroupMemoryBytes);
      expect(tiling.rowsPerGroup % tiling.rowsPerThread).toBe(0);
      expect(tiling.rowsPerThread % 4).toBe(0);
    }),
  );
});

it("columns of the trace and places of the weights overlap nowhere", () => {
  fc.assert(
    fc.property(networks, (network) => {
      const { matrices, norms, traceStride, weightStride, keptCount } = planOf(shapeOf(network, 1), LIMITS);
      const columns = [
        ...matrices.map(({ inputColumn, inputs }) => [inputColumn, inputs]),
        ...matrices.map(({ deltaColumn, outputs }) => [deltaColumn, outputs]),
        ...norms.map(({ normalisedColumn, units }) => [normalisedColumn, units]),
        ...norms.map(({ inverseColumn, units }) => [inverseColumn, units]),
      ];
      expectTiling(columns, traceStride);
      const transposed = matrices.map(({ transposedOffset, inputs, outputs }) => [transposedOffset, inputs * outputs]);
      expectTiling([[0, keptCount], ...transposed], weightStride);
      expect(keptCount).toBe(parameterLayout(network).length);
    }),
  );
});

/** Parts as [start, length] that fill everything up to `end`, each place once. */
function expectTiling(parts: readonly (readonly number[])[], end: number): void {
  let reached = 0;
  for (const [start, length] of parts.toSorted((left, right) => left[0] - right[0])) {
    expect(start).toBe(reached);
    reached += length;
  }
  expect(reached).toBe(end);
}
