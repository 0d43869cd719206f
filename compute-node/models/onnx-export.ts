/**
 * @file A model as an ONNX file of opset 17, for ONNX Runtime and everything that reads the format.
 *
 * Input `features`: [batch, feature], or [batch, row, feature] for a recurrent network, as the strategy computes them:
 * the scaling is part of the graph. Output `outputs`: [batch, output], raw logits or a raw value.
 */
import {
  BATCH_NORM_EPSILON,
  gateCount,
  LEAKY_SLOPE,
  type MlpSpec,
  type NetworkSpec,
  type RecurrentSpec,
} from "../training/network.ts";
import { type Model, tensorsOf } from "./model-file.ts";
import { type AttributeValue, type OnnxGraph, type OnnxNode, writeOnnx } from "./onnx-graph.ts";
import type { Tensor } from "./safetensors.ts";

const ONNX_OPSET = 17;

/** Each gate of a cell of ONNX as the gate of PyTorch that it is: i, o, f, c of i, f, g, o; z, r, h of r, z, n. */
export const GATE_ORDER = { lstm: [0, 3, 1, 2], gru: [1, 0, 2] } as const;

/** The same model gives the same bytes. */
export function exportOnnx({ manifest, parameters }: Model): Uint8Array<ArrayBuffer> {
  const { network, features, classNames, name } = manifest;
  const graph = new GraphBuilder(tensorsOf(network, parameters));
  let value = "features";
  if (features.some(({ offset, factor }) => offset !== 0 || factor !== 1)) {
    graph.add(
      "scale.offset",
      [network.inputs],
      Float32Array.from(features, ({ offset }) => offset),
    );
    graph.add(
      "scale.factor",
      [network.inputs],
      Float32Array.from(features, ({ factor }) => factor),
    );
    const centred = graph.node("Sub", [value, "scale.offset"], "scale.centred");
    value = graph.node("Mul", [centred, "scale.factor"], "scale.scaled");
  }
  if (network.kind === "mlp") addMlp(graph, network, value);
  else addRecurrent(graph, network, value);
  return writeOnnx(
    {
      name,
      opset: ONNX_OPSET,
      nodes: graph.nodes,
      tensors: graph.tensors,
      integers: graph.integers,
      inputs: [{ name: "features", shape: inputShape(network) }],
      outputs: [{ name: "outputs", shape: ["batch", network.outputs] }],
      metadata: {
        features: JSON.stringify(features.map((feature) => feature.name)),
        class_names: JSON.stringify(classNames),
      },
    } satisfies OnnxGraph,
    { name: "ktrdr", version: manifest.training?.codeVersion ?? "" },
  );
}

function inputShape(network: NetworkSpec): (number | string)[] {
  return network.kind === "mlp" ? ["batch", network.inputs] : ["batch", network.sequenceLength, network.inputs];
}

class GraphBuilder {
  readonly nodes: OnnxNode[] = [];
  /** The tensors that the nodes added so far read. */
  readonly tensors = new Map<string, Tensor>();
  readonly integers = new Map<string, readonly number[]>();
  readonly #weights: ReadonlyMap<string, Tensor>;

  constructor(weights: ReadonlyMap<string, Tensor>) {
    this.#weights = weights;
  }

  weight(name: string): Tensor {
    const tensor = this.#weights.get(name);
    if (tensor === undefined) throw new RangeError(`the network has no tensor ${name}`);
    return tensor;
  }

  /** A weight of the network as it is; returns its name. */
  keep(name: string): string {
    this.tensors.set(name, this.weight(name));
    return name;
  }

  add(name: string, shape: readonly number[], values: Float32Array): string {
    this.tensors.set(name, { shape, values });
    return name;
  }

  /** Returns the name of its (last) output. */
  node(
    operator: string,
    inputs: readonly string[],
    outputs: string | readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
  ): string {
    const names = typeof outputs === "string" ? [outputs] : outputs;
    this.nodes.push({ operator, inputs, outputs: names, attributes });
    return names[names.length - 1];
  }

  linear(input: string, name: string, output: string): string {
    return this.node("Gemm", [input, this.keep(`${name}.weight`), this.keep(`${name}.bias`)], output, { transB: 1 });
  }
}

const ACTIVATION_OPERATORS = { relu: "Relu", leaky_relu: "LeakyRelu", tanh: "Tanh", sigmoid: "Sigmoid" } as const;

function addMlp(graph: GraphBuilder, network: MlpSpec, input: string): void {
  let value = input;
  for (let layer = 0; layer < network.hidden.length; layer++) {
    value = graph.linear(value, `layers.${layer}`, `layers.${layer}.sum`);
    if (network.batchNorm) {
      const norms = ["weight", "bias", "running_mean", "running_var"].map((name) =>
        graph.keep(`norms.${layer}.${name}`),
      );
      value = graph.node("BatchNormalization", [value, ...norms], `norms.${layer}.out`, {
        epsilon: BATCH_NORM_EPSILON,
      });
    }
    const attributes = network.activation === "leaky_relu" ? { alpha: LEAKY_SLOPE } : undefined;
    value = graph.node(ACTIVATION_OPERATORS[network.activation], [value], `layers.${layer}.out`, attributes);
  }
  graph.linear(value, `layers.${network.hidden.length}`, "outputs");
}

function addRecurrent(graph: GraphBuilder, network: RecurrentSpec, input: string): void {
  const operator = network.kind === "lstm" ? "LSTM" : "GRU";
  // ONNX cells take [row, batch, feature], and put a direction between row and batch.
  let value = graph.node("Transpose", [input], "rows", { perm: [1, 0, 2] });
  if (network.layers > 1) graph.integers.set("directions", [1]);
  graph.integers.set("layers", [0]);
  for (let layer = 0; layer < network.layers; layer++) {
    const isLast = layer === network.layers - 1;
    const state = `rnn.${layer}.state`;
    const outputs = isLast ? ["", state] : [`rnn.${layer}.rows`];
    // The reset gate of PyTorch's GRU comes after the state's product.
    const attributes = { hidden_size: network.hidden, ...(network.kind === "gru" ? { linear_before_reset: 1 } : {}) };
    graph.node(operator, [value, ...cellWeights(graph, network, layer)], outputs, attributes);
    value = isLast
      ? graph.node("Squeeze", [state, "layers"], "rnn.last")
      : graph.node("Squeeze", [`rnn.${layer}.rows`, "directions"], `rnn.${layer}.out`);
  }
  graph.linear(value, "head", "outputs");
}

/** W, R and B of a cell: one direction, gates in the order of ONNX. */
function cellWeights(graph: GraphBuilder, network: RecurrentSpec, layer: number): string[] {
  const { hidden } = network;
  const gates = gateCount(network.kind) * hidden;
  const of = (name: string) =>
    orderGates(graph.weight(`rnn.${name}_l${layer}`).values, hidden, GATE_ORDER[network.kind]);
  const inputs = layer === 0 ? network.inputs : hidden;
  const bias = Float32Array.from([...of("bias_ih"), ...of("bias_hh")]);
  return [
    graph.add(`rnn.${layer}.W`, [1, gates, inputs], of("weight_ih")),
    graph.add(`rnn.${layer}.R`, [1, gates, hidden], of("weight_hh")),
    graph.add(`rnn.${layer}.B`, [1, 2 * gates], bias),
  ];
}

/** The blocks of `hidden` rows in another order: block k of the result is block `order[k]` of `values`. */
export function orderGates(values: Float32Array, hidden: number, order: readonly number[]): Float32Array {
  const block = values.length / order.length;
  if (!Number.isInteger(block / hidden)) throw new RangeError(`${values.length} weights are not gates of ${hidden}`);
  const ordered = new Float32Array(values.length);
  for (const [index, from] of order.entries())
    ordered.set(values.subarray(from * block, (from + 1) * block), index * block);
  return ordered;
}
