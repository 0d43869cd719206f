/** What a network answers, by its definition: one example after the other in double precision. The slow truth. */
import {
  type Activation,
  BATCH_NORM_EPSILON,
  LEAKY_SLOPE,
  type MlpSpec,
  type NetworkSpec,
  parameterLayout,
  type RecurrentSpec,
} from "../training/network.ts";

/** A tensor by its name. */
type Weights = (name: string) => Float32Array;

/**
 * [example, output]: the answers for `examples`, each [sequenceLength or 1, inputs], one after another. Evaluation mode:
 * no dropout, running statistics for batch norm.
 */
export function referenceForward(network: NetworkSpec, parameters: Float32Array, examples: Float32Array): Float32Array {
  const weights = weightsOf(network, parameters);
  const exampleLength = (network.kind === "mlp" ? 1 : network.sequenceLength) * network.inputs;
  const count = examples.length / exampleLength;
  const outputs = new Float32Array(count * network.outputs);
  for (let index = 0; index < count; index++) {
    const example = Float64Array.from(examples.subarray(index * exampleLength, (index + 1) * exampleLength));
    const answer = network.kind === "mlp" ? mlp(network, weights, example) : recurrent(network, weights, example);
    outputs.set(answer, index * network.outputs);
  }
  return outputs;
}

function weightsOf(network: NetworkSpec, parameters: Float32Array): Weights {
  const places = new Map(parameterLayout(network).tensors.map((tensor) => [tensor.name, tensor]));
  return (name) => {
    const place = places.get(name);
    if (place === undefined) throw new RangeError(`the network has no tensor ${name}`);
    return parameters.subarray(place.offset, place.offset + place.length);
  };
}

/** weight · input + bias. */
function linear(weights: Weights, name: string, suffix: string, input: Float64Array): Float64Array {
  const weight = weights(`${name}weight${suffix}`);
  const bias = weights(`${name}bias${suffix}`);
  return Float64Array.from(bias, (start, row) => {
    let sum = start;
    for (let k = 0; k < input.length; k++) sum += weight[row * input.length + k] * input[k];
    return sum;
  });
}

function mlp(network: MlpSpec, weights: Weights, input: Float64Array): Float64Array {
  let values = input;
  for (let layer = 0; layer < network.hidden.length; layer++) {
    values = linear(weights, `layers.${layer}.`, "", values);
    if (network.batchNorm) normalise(weights, layer, values);
    values = values.map((value) => activated(network.activation, value));
  }
  return linear(weights, `layers.${network.hidden.length}.`, "", values);
}

function normalise(weights: Weights, layer: number, values: Float64Array): void {
  const [scale, shift, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map((name) =>
    weights(`norms.${layer}.${name}`),
  );
  for (let k = 0; k < values.length; k++)
    values[k] = ((values[k] - mean[k]) / Math.sqrt(variance[k] + BATCH_NORM_EPSILON)) * scale[k] + shift[k];
}

function activated(activation: Activation, value: number): number {
  if (activation === "relu") return Math.max(0, value);
  if (activation === "leaky_relu") return value > 0 ? value : LEAKY_SLOPE * value;
  return activation === "tanh" ? Math.tanh(value) : sigmoid(value);
}

function sigmoid(value: number): number {
  return 1 / (1 + Math.exp(-value));
}

function recurrent(network: RecurrentSpec, weights: Weights, window: Float64Array): Float64Array {
  const { inputs, hidden, layers, sequenceLength } = network;
  let rows = Array.from({ length: sequenceLength }, (_, time) => window.subarray(time * inputs, (time + 1) * inputs));
  for (let layer = 0; layer < layers; layer++) {
    let state = new Float64Array(hidden);
    const cell = new Float64Array(hidden);
    rows = rows.map((row) => {
      const fromInput = linear(weights, "rnn.", `_ih_l${layer}`, row);
      const fromState = linear(weights, "rnn.", `_hh_l${layer}`, state);
      state = network.kind === "lstm" ? lstmState(fromInput, fromState, cell) : gruState(fromInput, fromState, state);
      return state;
    });
  }
  return linear(weights, "head.", "", rows[rows.length - 1]);
}

/** Gates i, f, g, o; changes the cell. */
function lstmState(fromInput: Float64Array, fromState: Float64Array, cell: Float64Array): Float64Array<ArrayBuffer> {
  const hidden = cell.length;
  const gate = (index: number, k: number) => fromInput[index * hidden + k] + fromState[index * hidden + k];
  return cell.map((before, k) => {
    cell[k] = sigmoid(gate(1, k)) * before + sigmoid(gate(0, k)) * Math.tanh(gate(2, k));
    return sigmoid(gate(3, k)) * Math.tanh(cell[k]);
  });
}

/** Gates r, z, n; the reset gate is applied after the state's own product. */
function gruState(fromInput: Float64Array, fromState: Float64Array, state: Float64Array): Float64Array<ArrayBuffer> {
  const hidden = state.length;
  return Float64Array.from(state, (before, k) => {
    const reset = sigmoid(fromInput[k] + fromState[k]);
    const update = sigmoid(fromInput[hidden + k] + fromState[hidden + k]);
    const candidate = Math.tanh(fromInput[2 * hidden + k] + reset * fromState[2 * hidden + k]);
    return (1 - update) * candidate + update * before;
  });
}
