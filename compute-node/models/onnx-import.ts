/** An ONNX file as a network of ours: mlp, LSTM and GRU as `exportOnnx` and `torch.onnx.export` write them. */
import {
  type Activation,
  BATCH_NORM_EPSILON,
  gateCount,
  LEAKY_SLOPE,
  type NetworkSpec,
  type RecurrentSpec,
} from "../training/network.ts";
import { type ImportedNetwork, unknownNetwork } from "./imported-network.ts";
import { parametersOf } from "./model-file.ts";
import { GATE_ORDER, orderGates } from "./onnx-export.ts";
import { type OnnxGraph, type OnnxNode, readOnnx } from "./onnx-graph.ts";
import { isZero, pathOf, type Step } from "./onnx-path.ts";
import type { Tensor } from "./safetensors.ts";

/** Throws a `Problem` (`invalid-request`) for a damaged file, and for a graph that is another kind of network. */
export function importOnnx(bytes: Uint8Array): ImportedNetwork {
  const graph = readOnnx(bytes);
  const reader = new ChainReader(graph);
  const scales = reader.takeScales();
  const [first] = reader.steps;
  if (first === undefined) throw unknownNetwork("its graph is empty");
  const { operator } = first.node;
  const found = operator === "LSTM" || operator === "GRU" ? reader.recurrent() : reader.mlp();
  const parameters = parametersOf(found.network, found.tensors);
  return { network: found.network, parameters, scales, featureNames: featureNamesOf(graph) };
}

function featureNamesOf({ metadata }: OnnxGraph): string[] | null {
  try {
    const names: unknown = JSON.parse(metadata.features ?? "null");
    return Array.isArray(names) && names.every((name) => typeof name === "string") ? names : null;
  } catch {
    // Another exporter's text under the same key says nothing about our features.
    return null;
  }
}

interface Found {
  readonly network: NetworkSpec;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

interface Linear {
  readonly weight: Tensor;
  readonly bias: Tensor;
}

/** A graph without branches, node after node. */
class ChainReader {
  /** Nodes that are still to be read. */
  readonly steps: Step[];
  readonly #graph: OnnxGraph;

  constructor(graph: OnnxGraph) {
    this.#graph = graph;
    this.steps = pathOf(graph);
  }

  /** Takes a subtraction and a multiplication from the front. */
  takeScales(): ImportedNetwork["scales"] {
    const [minus, times] = this.steps.map(({ node }) => node);
    if (minus?.operator !== "Sub" || times?.operator !== "Mul") return null;
    const [offsets, factors] = [minus, times].map((node) => this.#weight(node, 1));
    if (offsets.values.length !== factors.values.length)
      throw unknownNetwork("its inputs are scaled in an unknown way");
    this.steps.splice(0, 2);
    return Array.from(offsets.values, (offset, k) => ({ offset, factor: factors.values[k] }));
  }

  mlp(): Found {
    const tensors = new Map<string, Tensor>();
    const widths: number[] = [];
    const activations = new Set<Activation>();
    let norms = 0;
    let layer = 0;
    while (this.steps.length > 0) {
      const { weight, bias } = this.#takeLinear();
      tensors.set(`layers.${layer}.weight`, weight).set(`layers.${layer}.bias`, bias);
      if (layer === 0) widths.push(weight.shape[1]);
      widths.push(weight.shape[0]);
      if (this.steps.length === 0) break;
      if (this.#next() === "BatchNormalization") {
        this.#takeNorm(layer, tensors);
        norms++;
      }
      activations.add(this.#takeActivation());
      layer++;
    }
    if (widths.length - 2 !== layer) throw unknownNetwork("it does not end in a linear layer");
    if (norms > 0 && norms !== layer) throw unknownNetwork("only some of its layers have batch norm");
    if (activations.size > 1) throw unknownNetwork(`it has several activations: ${[...activations].join(", ")}`);
    const [activation = "relu"] = activations;
    const [inputs, ...rest] = widths;
    const outputs = rest[rest.length - 1];
    const network = { kind: "mlp", inputs, hidden: rest.slice(0, -1), outputs, activation, dropout: 0 } as const;
    return { network: { ...network, batchNorm: norms > 0 }, tensors };
  }

  recurrent(): Found {
    const kind = this.#next() === "LSTM" ? "lstm" : "gru";
    const tensors = new Map<string, Tensor>();
    let [inputs, hidden, layers] = [0, 0, 0];
    while (this.#next() === kind.toUpperCase()) {
      const cell = this.#takeCell();
      const size = cell.attributes.hidden_size;
      if (typeof size !== "number" || (layers > 0 && size !== hidden))
        throw unknownNetwork("its layers differ in width");
      hidden = size;
      if (layers === 0) inputs = this.#weight(cell, 1).shape[2];
      this.#addCell(cell, { kind, hidden, inputs: layers === 0 ? inputs : hidden }, layers++, tensors);
    }
    const { weight, bias } = this.#takeLinear();
    if (this.steps.length > 0) throw unknownNetwork(`${this.#next()} follows its head`);
    tensors.set("head.weight", weight).set("head.bias", bias);
    const sequenceLength = this.#graph.inputs[0]?.shape.find((size, k) => k < 2 && typeof size === "number");
    if (typeof sequenceLength !== "number")
      throw unknownNetwork("its input does not say how many rows a window has (export it with a fixed length)");
    const network = { kind, inputs, hidden, layers, outputs: weight.shape[0], dropout: 0, sequenceLength } as const;
    return { network, tensors };
  }

  /** A cell that begins at zero and goes one way; the last of them gives its last state alone. */
  #takeCell(): OnnxNode {
    const [step] = this.steps;
    const { node, output, takesLast } = step;
    const { attributes, inputs, operator } = node;
    this.steps.shift();
    const isPlain =
      (attributes.direction ?? "forward") === "forward" &&
      (attributes.layout ?? 0) === 0 &&
      ["activations", "clip", "input_forget"].every((name) => attributes[name] === undefined) &&
      (operator === "LSTM" || attributes.linear_before_reset === 1) &&
      (inputs[4] ?? "") === "" &&
      (inputs[7] ?? "") === "";
    if (!isPlain) throw unknownNetwork(`its ${operator} is not PyTorch's one-way cell`);
    if (!isZero(inputs[5], this.#graph) || !isZero(inputs[6], this.#graph))
      throw unknownNetwork(`its ${operator} does not begin at zero`);
    const isLast = this.#next() !== operator;
    const givesState = output === 1 || takesLast;
    if (isLast !== givesState || output > 1)
      throw unknownNetwork(`its ${operator} gives other rows than the next layer needs`);
    return node;
  }

  #addCell(
    cell: OnnxNode,
    { kind, hidden, inputs }: Pick<RecurrentSpec, "kind" | "hidden" | "inputs">,
    layer: number,
    tensors: Map<string, Tensor>,
  ): void {
    const gates = gateCount(kind);
    // Where each gate of PyTorch stands in ONNX.
    const order = GATE_ORDER[kind].map((_, gate) => (GATE_ORDER[kind] as readonly number[]).indexOf(gate));
    const rows = gates * hidden;
    const add = (name: string, shape: number[], values: Float32Array) => {
      const count = shape.reduce((product, size) => product * size, 1);
      if (values.length !== count) throw unknownNetwork(`the weights of its ${cell.operator} have another size`);
      tensors.set(`rnn.${name}_l${layer}`, { shape, values: orderGates(values, hidden, order) });
    };
    add("weight_ih", [rows, inputs], this.#weight(cell, 1).values);
    add("weight_hh", [rows, hidden], this.#weight(cell, 2).values);
    const bias = cell.inputs[3] ? this.#weight(cell, 3).values : new Float32Array(2 * rows);
    add("bias_ih", [rows], bias.subarray(0, rows));
    add("bias_hh", [rows], bias.subarray(rows));
  }

  /** A Gemm, or a MatMul and an Add. The weight comes as [out, in]. */
  #takeLinear(): Linear {
    const node = this.#take();
    const { transB = 0, transA = 0, alpha = 1, beta = 1 } = node.attributes;
    if (node.operator === "Gemm" && transA === 0 && alpha === 1 && beta === 1) {
      const weight = this.#weight(node, 1);
      return checkedLinear(transB === 1 ? weight : transposed(weight), node.inputs[2] ? this.#weight(node, 2) : null);
    }
    if (node.operator !== "MatMul") throw unknownNetwork(`it has ${node.operator} where a linear layer should be`);
    const weight = transposed(this.#weight(node, 1));
    if (this.#next() !== "Add") return checkedLinear(weight, null);
    const add = this.#take();
    return checkedLinear(weight, this.#graph.tensors.get(add.inputs[0]) ?? this.#weight(add, 1));
  }

  #takeNorm(layer: number, tensors: Map<string, Tensor>): void {
    const node = this.#take();
    const { epsilon = 1e-5 } = node.attributes;
    if (typeof epsilon !== "number" || Math.abs(epsilon / BATCH_NORM_EPSILON - 1) > 1e-5)
      throw unknownNetwork(`its batch norm has the epsilon ${epsilon}, not ${BATCH_NORM_EPSILON}`);
    for (const [k, name] of ["weight", "bias", "running_mean", "running_var"].entries())
      tensors.set(`norms.${layer}.${name}`, this.#weight(node, k + 1));
  }

  #takeActivation(): Activation {
    const { operator, attributes } = this.#take();
    if (operator === "Relu") return "relu";
    if (operator === "Tanh") return "tanh";
    if (operator === "Sigmoid") return "sigmoid";
    const { alpha = LEAKY_SLOPE } = attributes;
    if (operator === "LeakyRelu" && typeof alpha === "number" && Math.abs(alpha - LEAKY_SLOPE) < 1e-6)
      return "leaky_relu";
    throw unknownNetwork(`it has ${operator} where an activation should be`);
  }

  #take(): OnnxNode {
    const step = this.steps.shift();
    if (step === undefined) throw unknownNetwork("its graph ends too early");
    return step.node;
  }

  #next(): string | undefined {
    return this.steps[0]?.node.operator;
  }

  #weight(node: OnnxNode, input: number): Tensor {
    const name = node.inputs[input] ?? "";
    const tensor = this.#graph.tensors.get(name);
    if (tensor === undefined) throw unknownNetwork(`input ${input} of its ${node.operator} is no weight`);
    return tensor;
  }
}

function checkedLinear(weight: Tensor, bias: Tensor | null): Linear {
  const [outputs] = weight.shape;
  const known = bias ?? { shape: [outputs], values: new Float32Array(outputs) };
  if (weight.shape.length !== 2 || known.values.length !== outputs)
    throw unknownNetwork(`a linear layer has the shapes [${weight.shape.join(", ")}] and [${known.shape.join(", ")}]`);
  return { weight, bias: { shape: [outputs], values: known.values } };
}

function transposed({ shape, values }: Tensor): Tensor {
  const [rows, columns] = shape;
  const turned = new Float32Array(values.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) turned[column * rows + row] = values[row * columns + column];
  return { shape: [columns, rows], values: turned };
}
