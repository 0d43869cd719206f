/** An mlp's loss in plain float64, and its gradient by central differences: the slow truth that kernels are held to. */
import { type Activation, LEAKY_SLOPE, type Member, type MlpSpec } from "../../network.ts";
import { dropoutKeeps, dropoutKey, dropoutThreshold } from "../../random.ts";
import { meanLoss } from "../mean-loss.ts";

const ACTIVATION: Readonly<Record<Activation, (x: number) => number>> = {
  relu: (x) => Math.max(0, x),
  leaky_relu: (x) => (x < 0 ? LEAKY_SLOPE * x : x),
  tanh: Math.tanh,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
};

/** Mean loss of `rows` as one batch, with the dropout of `step`, or without any when it is null. */
export function referenceLoss(member: Member, parameters: Float64Array, rows: Uint32Array, step: number | null) {
  const network = member.network as MlpSpec;
  const outputs = [...rows].flatMap((row, place) => referenceOutputs(member, network, parameters, row, place, step));
  return meanLoss(outputs, rows, member.set.labels, member.options.loss).loss;
}

function referenceOutputs(
  { options, set }: Member,
  network: MlpSpec,
  parameters: Float64Array,
  row: number,
  place: number,
  step: number | null,
): number[] {
  const widths = [network.inputs, ...network.hidden, network.outputs];
  const threshold = dropoutThreshold(network.dropout);
  let values = [...set.features.subarray(row * set.inputs, (row + 1) * set.inputs)];
  let offset = 0;
  for (let layer = 0; layer + 1 < widths.length; layer++) {
    const [inputs, outputs] = [widths[layer], widths[layer + 1]];
    const weightOffset = offset;
    const key = dropoutKey(options.seed, step ?? 0, layer);
    values = Array.from({ length: outputs }, (_, output) => {
      const weights = parameters.subarray(weightOffset + output * inputs, weightOffset + (output + 1) * inputs);
      const bias = parameters[weightOffset + inputs * outputs + output];
      const sum = values.reduce((total, value, input) => total + value * weights[input], bias);
      if (layer + 2 === widths.length) return sum;
      const value = ACTIVATION[network.activation](sum);
      if (step === null || network.dropout === 0) return value;
      return dropoutKeeps(key, place, output, threshold) ? value / (1 - network.dropout) : 0;
    });
    offset += (inputs + 1) * outputs;
  }
  return values;
}

/** Of `referenceLoss` by every parameter; the error is that of central differences, about 1e-9. */
export function referenceGradient(member: Member, parameters: Float32Array, rows: Uint32Array, step: number | null) {
  const moved = Float64Array.from(parameters);
  const distance = 1e-5;
  return moved.map((value, index) => {
    moved[index] = value + distance;
    const above = referenceLoss(member, moved, rows, step);
    moved[index] = value - distance;
    const below = referenceLoss(member, moved, rows, step);
    moved[index] = value;
    return (above - below) / (2 * distance);
  });
}
