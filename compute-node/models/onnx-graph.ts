/** An ONNX graph in memory and as a file. Numbers of fields as in onnx.proto3 of ONNX 1.16. */
import { Problem } from "../../protocol/problem.ts";
import { MessageReader, MessageWriter } from "./protobuf.ts";
import type { Tensor } from "./safetensors.ts";

export type AttributeValue = number | string | readonly number[];

export interface OnnxNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** A tensor stands here as its values, and is only ever read. */
  readonly attributes: Readonly<Record<string, AttributeValue>>;
}

/** Sizes; a text stands for a size that each run chooses. */
interface OnnxValue {
  readonly name: string;
  readonly shape: readonly (number | string)[];
}

export interface OnnxGraph {
  readonly name: string;
  readonly opset: number;
  readonly nodes: readonly OnnxNode[];
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** Whole numbers, such as the axes of an operator. */
  readonly integers: ReadonlyMap<string, readonly number[]>;
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** The file version that goes with opset 17 (ONNX 1.12). */
const IR_VERSION = 8;
const [FLOAT, INT64, DOUBLE] = [1, 7, 11];
const ATTRIBUTE = { float: 1, int: 2, string: 3, tensor: 4, ints: 7 } as const;
/** Attributes that are floats even where they are whole. */
const FLOAT_ATTRIBUTES: readonly string[] = ["alpha", "beta", "epsilon", "momentum"];

export function writeOnnx(graph: OnnxGraph, producer: { name: string; version: string }): Uint8Array<ArrayBuffer> {
  const body = new MessageWriter();
  for (const node of graph.nodes) body.message(1, nodeMessage(node));
  body.text(2, graph.name);
  for (const [name, tensor] of graph.tensors) body.message(5, tensorMessage(name, tensor));
  for (const [name, values] of graph.integers) body.message(5, integersMessage(name, values));
  for (const value of graph.inputs) body.message(11, valueMessage(value));
  for (const value of graph.outputs) body.message(12, valueMessage(value));
  const model = new MessageWriter().integer(1, IR_VERSION).text(2, producer.name).text(3, producer.version);
  model.message(7, body).message(8, new MessageWriter().text(1, "").integer(2, graph.opset));
  for (const [key, value] of Object.entries(graph.metadata))
    model.message(14, new MessageWriter().text(1, key).text(2, value));
  return model.finish();
}

function nodeMessage({ operator, inputs, outputs, attributes }: OnnxNode): MessageWriter {
  const node = new MessageWriter();
  for (const input of inputs) node.text(1, input);
  for (const output of outputs) node.text(2, output);
  node.text(3, outputs.find((output) => output !== "") ?? operator).text(4, operator);
  for (const [name, value] of Object.entries(attributes)) node.message(5, attributeMessage(name, value));
  return node;
}

function attributeMessage(name: string, value: AttributeValue): MessageWriter {
  const attribute = new MessageWriter().text(1, name);
  if (typeof value === "string") return attribute.text(4, value).integer(20, ATTRIBUTE.string);
  if (typeof value !== "number") {
    for (const item of value) attribute.integer(8, item);
    return attribute.integer(20, ATTRIBUTE.ints);
  }
  const isFloat = FLOAT_ATTRIBUTES.includes(name);
  return isFloat
    ? attribute.float(2, value).integer(20, ATTRIBUTE.float)
    : attribute.integer(3, value).integer(20, ATTRIBUTE.int);
}

function tensorMessage(name: string, { shape, values }: Tensor): MessageWriter {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  for (const [index, value] of values.entries()) view.setFloat32(4 * index, value, true);
  return dimensions(shape).integer(2, FLOAT).text(8, name).bytes(9, bytes);
}

function integersMessage(name: string, values: readonly number[]): MessageWriter {
  const bytes = new Uint8Array(8 * values.length);
  const view = new DataView(bytes.buffer);
  for (const [index, value] of values.entries()) view.setBigInt64(8 * index, BigInt(value), true);
  return dimensions([values.length]).integer(2, INT64).text(8, name).bytes(9, bytes);
}

function dimensions(shape: readonly number[]): MessageWriter {
  const tensor = new MessageWriter();
  for (const size of shape) tensor.integer(1, size);
  return tensor;
}

function valueMessage({ name, shape }: OnnxValue): MessageWriter {
  const sizes = new MessageWriter();
  for (const size of shape) {
    const dimension = new MessageWriter();
    sizes.message(1, typeof size === "string" ? dimension.text(2, size) : dimension.integer(1, size));
  }
  const type = new MessageWriter().message(1, new MessageWriter().integer(1, FLOAT).message(2, sizes));
  return new MessageWriter().text(1, name).message(2, type);
}

/** Throws a `Problem` (`invalid-request`) for anything that is not an ONNX model with its weights inside. */
export function readOnnx(bytes: Uint8Array): OnnxGraph {
  const model = new MessageReader(bytes);
  const [graph] = model.messages(7);
  const opset = model.messages(8).find((set) => ["", "ai.onnx"].includes(set.text(1)));
  if (graph === undefined || opset === undefined)
    throw new Problem("invalid-request", `These ${bytes.length} bytes are not a whole ONNX model.`, {
      cure: "Export the network with torch.onnx.export or a like tool.",
    });
  const tensors = new Map<string, Tensor>();
  const integers = new Map<string, readonly number[]>();
  for (const tensor of graph.messages(5)) readTensor(tensor.text(8), tensor, tensors, integers);
  const [constants, nodes] = partition(graph.messages(1), (node) => node.text(4) === "Constant");
  for (const constant of constants) {
    const [value] = constant.messages(5).flatMap((attribute) => attribute.messages(5));
    if (value !== undefined) readTensor(constant.text(2), value, tensors, integers);
  }
  const weights = new Set([...tensors.keys(), ...integers.keys()]);
  return {
    name: graph.text(2),
    opset: opset.integer(2) ?? 0,
    nodes: nodes.map(readNode),
    tensors,
    integers,
    // Before version 4 of the format weights are listed among the inputs.
    inputs: graph
      .messages(11)
      .map(readValue)
      .filter(({ name }) => !weights.has(name)),
    outputs: graph.messages(12).map(readValue),
    metadata: Object.fromEntries(model.messages(14).map((entry) => [entry.text(1), entry.text(2)])),
  };
}

function readNode(node: MessageReader): OnnxNode {
  const attributes = node.messages(5).map((attribute): [string, AttributeValue] => {
    const type = attribute.integer(20);
    const name = attribute.text(1);
    if (type === ATTRIBUTE.float) return [name, attribute.float(2) ?? 0];
    if (type === ATTRIBUTE.int) return [name, attribute.integer(3) ?? 0];
    if (type === ATTRIBUTE.tensor) return [name, attribute.messages(5).flatMap((tensor) => valuesOf(name, tensor))];
    return [name, type === ATTRIBUTE.ints ? attribute.integers(8) : attribute.text(4)];
  });
  const operator = node.text(4);
  return { operator, inputs: node.texts(1), outputs: node.texts(2), attributes: Object.fromEntries(attributes) };
}

function partition<Item>(items: readonly Item[], test: (item: Item) => boolean): [Item[], Item[]] {
  return [items.filter(test), items.filter((item) => !test(item))];
}

function readTensor(
  name: string,
  tensor: MessageReader,
  tensors: Map<string, Tensor>,
  integers: Map<string, readonly number[]>,
): void {
  const values = valuesOf(name, tensor);
  if (tensor.integer(2) === INT64) integers.set(name, values);
  else tensors.set(name, { shape: tensor.integers(1), values: Float32Array.from(values) });
}

function valuesOf(name: string, tensor: MessageReader): number[] {
  const count = tensor.integers(1).reduce((product, size) => product * size, 1);
  const type = tensor.integer(2) ?? 0;
  const values = type === INT64 ? integersOf(tensor) : floatsOf(name, tensor, type);
  if (values.length === count) return values;
  throw new Problem("invalid-request", `Tensor "${name}" of the ONNX model has ${values.length} of ${count} values.`, {
    cure: "Export the model with its weights inside the file, not beside it.",
  });
}

function integersOf(tensor: MessageReader): number[] {
  const raw = tensor.bytes(9);
  if (raw === null) return tensor.integers(7);
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  return Array.from({ length: raw.length >> 3 }, (_, index) => Number(view.getBigInt64(8 * index, true)));
}

function floatsOf(name: string, tensor: MessageReader, type: number): number[] {
  if (type !== FLOAT && type !== DOUBLE)
    throw new Problem("invalid-request", `Tensor "${name}" of the ONNX model has the type ${type}, not float.`, {
      cure: "Export the model in single precision.",
    });
  const raw = tensor.bytes(9);
  if (raw === null) return tensor.floats(4);
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const size = type === FLOAT ? 4 : 8;
  return Array.from({ length: Math.floor(raw.length / size) }, (_, index) =>
    type === FLOAT ? view.getFloat32(4 * index, true) : view.getFloat64(8 * index, true),
  );
}

function readValue(value: MessageReader): OnnxValue {
  const [type] = value.messages(2);
  const [tensor] = type?.messages(1) ?? [];
  const [shape] = tensor?.messages(2) ?? [];
  const sizes = (shape?.messages(1) ?? []).map((size) => size.integer(1) ?? size.text(2));
  return { name: value.text(1), shape: sizes };
}
