/** Runs a network over rows, on any backend that trains. */
import type { LossSpec, NetworkSpec, TrainingBackend, TrainingOptions, TrainingSet } from "../training/network.ts";

/** A batch that fits a processor's cache with the layers that people train. */
const BATCH_ROWS = 512;

interface NetworkRows {
  /** [row, input], row-major, scaled, finite. */
  readonly features: Float32Array;
  /** Where examples end. */
  readonly rows: Uint32Array;
}

/** [example, output] in the order of `rows`: raw logits or values, in evaluation mode. */
export async function networkOutputs(
  backend: TrainingBackend,
  network: NetworkSpec,
  parameters: Float32Array,
  { features, rows }: NetworkRows,
): Promise<Float32Array> {
  const isRegression = network.outputs === 1;
  const none = new Uint32Array();
  const count = features.length / network.inputs;
  const labels: TrainingSet["labels"] = isRegression
    ? { kind: "values", values: new Float32Array(count) }
    : { kind: "classes", values: new Uint8Array(count) };
  const set = { features, inputs: network.inputs, labels, training: none, validation: none, test: none };
  const session = await backend.create({ network, options: optionsFor(isRegression), set });
  try {
    await session.setState({ parameters, moments: [], steps: 0 });
    return (await session.evaluate(rows)).outputs;
  } finally {
    session.dispose();
  }
}

/** Nothing is trained; an optimiser without moments needs no memory. */
function optionsFor(isRegression: boolean): TrainingOptions {
  const loss: LossSpec = isRegression ? { kind: "mse" } : { kind: "cross_entropy", classWeights: null };
  return {
    loss,
    optimiser: { kind: "sgd", momentum: 0, weightDecay: 0 },
    learningRate: 1,
    schedule: { kind: "constant" },
    batchRows: BATCH_ROWS,
    epochs: 1,
    earlyStopping: null,
    gradientClip: null,
    seed: 0,
  };
}
