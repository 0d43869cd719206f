/** The way of the data through an ONNX graph, from its input to its output, without nodes that only prepare shapes. */
import { unknownNetwork } from "./imported-network.ts";
import type { OnnxGraph, OnnxNode } from "./onnx-graph.ts";

/** A node that computes something, and which of its outputs the next one reads. */
export interface Step {
  readonly node: OnnxNode;
  readonly output: number;
  /** True when only the last of its rows, or of its layers, goes on. */
  readonly takesLast: boolean;
}

/** Operators that move values around and keep them. */
const MOVES: readonly string[] = ["Transpose", "Squeeze", "Unsqueeze", "Identity", "Dropout", "Flatten"];

/** Throws a `Problem` (`invalid-request`) for a graph whose way branches, or picks other values than the last. */
export function pathOf(graph: OnnxGraph): Step[] {
  const producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)));
  const [start, end] = [graph.inputs[0]?.name, graph.outputs[0]?.name];
  if (start === undefined || end === undefined || graph.inputs.length > 1)
    throw unknownNetwork(`it has ${graph.inputs.length} inputs and ${graph.outputs.length} outputs`);
  const steps: Step[] = [];
  let takesLast = false;
  for (let name = end, visited = 0; name !== start; visited++) {
    const node = producers.get(name);
    if (node === undefined || visited > graph.nodes.length)
      throw unknownNetwork(`nothing leads from its input to "${name}"`);
    if (node.operator === "Gather") {
      if (graph.integers.get(node.inputs[1])?.join() !== "-1")
        throw unknownNetwork("it picks other rows than the last one of a window");
      takesLast = true;
    } else if (node.operator !== "Concat" && !MOVES.includes(node.operator)) {
      steps.unshift({ node, output: node.outputs.indexOf(name), takesLast });
      takesLast = false;
    }
    name = sourceOf(node, graph, takesLast);
  }
  return steps;
}

/** The input that is neither a weight nor an earlier layer's state. */
function sourceOf({ operator, inputs }: OnnxNode, { tensors }: OnnxGraph, takesLast: boolean): string {
  if (operator === "Concat") {
    if (!takesLast) throw unknownNetwork("it joins values");
    return inputs[inputs.length - 1];
  }
  if (operator !== "Add") return inputs[0];
  const open = inputs.filter((input) => !tensors.has(input));
  if (open.length !== 1) throw unknownNetwork("its graph branches");
  return open[0];
}

/** Tells if a value is zero for every input. */
export function isZero(name: string | undefined, graph: OnnxGraph): boolean {
  if (name === undefined || name === "") return true;
  const weight = graph.tensors.get(name);
  if (weight !== undefined) return weight.values.every((value) => value === 0);
  const node = graph.nodes.find(({ outputs }) => outputs.includes(name));
  if (node === undefined) return false;
  if (node.operator === "ConstantOfShape") {
    const { value = 0 } = node.attributes;
    return value === 0 || (typeof value === "object" && value.every((item) => item === 0));
  }
  const keeps = [...MOVES, "Slice", "Expand"].includes(node.operator);
  return keeps && isZero(node.inputs[0], graph);
}
