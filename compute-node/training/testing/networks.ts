/** Training sets and options for tests. */
import type { Labels, Member, NetworkSpec, TrainingOptions, TrainingSet } from "../network.ts";
import { draw32, streamKey } from "../random.ts";

export const ADAM = { kind: "adam", beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 } as const;

export const OPTIONS: TrainingOptions = {
  loss: { kind: "cross_entropy", classWeights: null },
  optimiser: ADAM,
  learningRate: 0.01,
  schedule: { kind: "constant" },
  batchRows: 16,
  epochs: 3,
  earlyStopping: null,
  gradientClip: null,
  seed: 1,
};

/** Even in [-1, 1). */
export function uniform(length: number, seed: number): Float32Array {
  const key = streamKey(seed, "order", 1);
  return Float32Array.from({ length }, (_, at) => draw32(key, at) / 2 ** 31 - 1);
}

/** Rows whose label depends on the row and on the one before; the first three fifths train. */
function exampleSet(inputs: number, outputs: number, rowCount: number, seed: number, windowRows = 1): TrainingSet {
  const features = uniform(rowCount * inputs, seed);
  const score = (row: number) =>
    features[row * inputs] + features[Math.max(0, row - 1) * inputs + (inputs > 1 ? 1 : 0)];
  const rows = Uint32Array.from({ length: rowCount - windowRows + 1 }, (_, at) => at + windowRows - 1);
  const labels: Labels =
    outputs === 1
      ? { kind: "values", values: Float32Array.from({ length: rowCount }, (_, row) => score(row)) }
      : {
          kind: "classes",
          values: Uint8Array.from({ length: rowCount }, (_, row) =>
            Math.floor(((score(row) + 2) / 4) * outputs * 0.999),
          ),
        };
  const [first, second] = [Math.floor(rows.length * 0.6), Math.floor(rows.length * 0.8)];
  return {
    features,
    inputs,
    labels,
    training: rows.subarray(0, first),
    validation: rows.subarray(first, second),
    test: rows.subarray(second),
  };
}

export function exampleMember(network: NetworkSpec, options: Partial<TrainingOptions> = {}, rowCount = 100): Member {
  const windowRows = network.kind === "mlp" ? 1 : network.sequenceLength;
  return {
    network,
    options: { ...OPTIONS, ...options },
    set: exampleSet(network.inputs, network.outputs, rowCount, 5, windowRows),
  };
}
