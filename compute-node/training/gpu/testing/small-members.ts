/** Small training runs with made-up rows, for the tests of backends. */
import type {
  Activation,
  Labels,
  LossSpec,
  Member,
  MlpSpec,
  RecurrentSpec,
  TrainingOptions,
  TrainingSet,
} from "../../network.ts";
import { draw32, streamKey } from "../../random.ts";

export interface SmallMember {
  readonly activation?: Activation;
  readonly hidden?: readonly number[];
  readonly dropout?: number;
  readonly batchNorm?: boolean;
  readonly loss?: LossSpec;
  readonly options?: Partial<TrainingOptions>;
  readonly set?: TrainingSet;
}

const INPUTS = 5;
/** No multiple of a batch of 16, nor of the four rows that a kernel takes together. */
const ROWS = 59;
const CLASSES = 3;

/** Features in [-1, 1), and labels that follow from the first two inputs and some noise. */
export function smallSet(kind: Labels["kind"], rows = ROWS): TrainingSet {
  const key = streamKey(11, "weights", 0);
  const features = Float32Array.from({ length: rows * INPUTS }, (_, index) => draw32(key, index) / 2 ** 31 - 1);
  const values = Float32Array.from({ length: rows }, (_, row) => {
    const noise = draw32(streamKey(12, "weights", 0), row) / 2 ** 32 - 0.5;
    return features[row * INPUTS] - features[row * INPUTS + 1] + 0.3 * noise;
  });
  const labels: Labels =
    kind === "values"
      ? { kind, values }
      : { kind, values: Uint8Array.from(values, (value) => (value < -0.4 ? 0 : value < 0.4 ? 1 : CLASSES - 1)) };
  const all = Uint32Array.from({ length: rows }, (_, row) => row);
  return { features, inputs: INPUTS, labels, training: all, validation: all, test: all };
}

const SETS = { classes: smallSet("classes"), values: smallSet("values") };

export function smallMember(small: SmallMember = {}): Member {
  const loss = small.loss ?? { kind: "cross_entropy", classWeights: [1, 2, 0.5] };
  const regression = loss.kind === "huber" || loss.kind === "mse";
  const set = small.set ?? SETS[regression ? "values" : "classes"];
  const network: MlpSpec = {
    kind: "mlp",
    inputs: set.inputs,
    hidden: small.hidden ?? [9, 7],
    outputs: regression ? 1 : CLASSES,
    activation: small.activation ?? "tanh",
    dropout: small.dropout ?? 0,
    batchNorm: small.batchNorm ?? false,
  };
  const options: TrainingOptions = {
    loss,
    optimiser: { kind: "adam", beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 1e-4 },
    learningRate: 0.01,
    schedule: { kind: "constant" },
    batchRows: 16,
    epochs: 4,
    earlyStopping: null,
    gradientClip: 1,
    seed: 7,
    ...small.options,
  };
  return { network, options, set };
}

/** The same with two layers of an LSTM or GRU over windows of up to four rows, every length among them. */
export function smallRecurrentMember(kind: RecurrentSpec["kind"], small: SmallMember = {}): Member {
  const { network, options, set } = smallMember(small);
  const { inputs, outputs, dropout } = network;
  const sequenceLength = 4;
  const rows = set.training.slice(sequenceLength);
  return {
    network: { kind, inputs, hidden: 6, layers: 2, outputs, dropout, sequenceLength },
    options,
    set: {
      ...set,
      windowRows: Uint16Array.from(set.training, (row) => 1 + (row % sequenceLength)),
      training: rows,
      validation: rows,
      test: rows,
    },
  };
}
