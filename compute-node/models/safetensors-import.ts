/** A PyTorch state dict in safetensors as a network of ours. */
import { Problem } from "../../protocol/problem.ts";
import type { NeuralStrategy } from "../../protocol/strategy-neural.ts";
import { gateCount, type NetworkSpec, parameterLayout } from "../training/network.ts";
import { type ImportedNetwork, unknownNetwork } from "./imported-network.ts";
import { parametersOf } from "./model-file.ts";
import { readSafetensors, type Tensor } from "./safetensors.ts";

/** The facts that the weights alone do not tell. */
type ImportHints = Pick<NetworkSpec & { kind: "mlp" }, "activation"> & { readonly sequenceLength: number };

/**
 * Layers are told by the names of their tensors: `*weight_ih_l0` and so on make a recurrent network, pairs of `weight`
 * and `bias` in their order make linear layers, and those with `running_mean` batch norm. Throws a `Problem`
 * (`invalid-request`) for a damaged file and for tensors that are another kind of network.
 */
export function importSafetensors(bytes: Uint8Array, hints: ImportHints): ImportedNetwork {
  const { tensors } = readSafetensors(bytes);
  // PyTorch counts the batches that batch norm has seen.
  const named = [...tensors].filter(([name]) => !name.endsWith("num_batches_tracked"));
  // Files list tensors in the order of their letters; layers go by their numbers.
  const weights = new Map(named.sort(([left], [right]) => BY_NUMBER.compare(left, right)));
  const cells = [...weights.keys()].filter((name) => /(^|\.)weight_ih_l\d+$/.test(name));
  const network = cells.length > 0 ? recurrentOf(weights, cells, hints) : mlpOf(weights, hints);
  const renamed = renameTensors(weights, network);
  return { network, parameters: parametersOf(network, renamed), scales: null, featureNames: null };
}

const BY_NUMBER = new Intl.Collator("en", { numeric: true });

/** Reads these facts from the strategy's own model section. */
export function importHints({ model }: NeuralStrategy): ImportHints {
  const { activation = "relu", sequence_length: length = 1 } = (model.architecture ?? {}) as Record<string, unknown>;
  const known = ["relu", "leaky_relu", "tanh", "sigmoid"] as const;
  const chosen = known.find((name) => name === activation);
  if (chosen === undefined || typeof length !== "number")
    throw new Problem("invalid-strategy", `model.architecture has the activation ${String(activation)}.`, {
      cure: `Write one of ${known.join(", ")}.`,
    });
  return { activation: chosen, sequenceLength: length };
}

function mlpOf(weights: ReadonlyMap<string, Tensor>, { activation }: ImportHints): NetworkSpec {
  const linear = [...weights.values()].filter(({ shape }) => shape.length === 2);
  if (linear.length === 0) throw unknownNetwork("it has no linear layer");
  for (let layer = 1; layer < linear.length; layer++) {
    const [from, to] = [linear[layer - 1].shape, linear[layer].shape];
    if (from[0] !== to[1])
      throw unknownNetwork(`layer ${layer} has ${from[0]} outputs, and the next one ${to[1]} inputs`);
  }
  const outputs = linear[linear.length - 1].shape[0];
  const hidden = linear.slice(0, -1).map(({ shape }) => shape[0]);
  const batchNorm = [...weights.keys()].some((name) => name.endsWith("running_mean"));
  return { kind: "mlp", inputs: linear[0].shape[1], hidden, outputs, activation, dropout: 0, batchNorm };
}

function recurrentOf(
  weights: ReadonlyMap<string, Tensor>,
  cells: readonly string[],
  { sequenceLength }: ImportHints,
): NetworkSpec {
  const prefix = cells[0].slice(0, cells[0].lastIndexOf("weight_ih_l"));
  const input = weights.get(`${prefix}weight_ih_l0`);
  const state = weights.get(`${prefix}weight_hh_l0`);
  const head = [...weights].find(([name, { shape }]) => !name.startsWith(prefix) && shape.length === 2);
  if (input === undefined || state === undefined || head === undefined)
    throw unknownNetwork("its recurrent layers or its linear head are not there");
  const hidden = state.shape[1];
  const gates = state.shape[0] / hidden;
  const kind = (["lstm", "gru"] as const).find((name) => gateCount(name) === gates);
  if (kind === undefined) throw unknownNetwork(`its cells have ${gates} gates`);
  const layers = cells.length;
  const outputs = head[1].shape[0];
  return { kind, inputs: input.shape[1], hidden, layers, outputs, dropout: 0, sequenceLength };
}

/** Tensors under the names of our layout: by their kind and their order among those of that kind. */
function renameTensors(weights: ReadonlyMap<string, Tensor>, network: NetworkSpec): Map<string, Tensor> {
  const groups = new Map<string, Tensor[]>();
  const norms = new Set([...weights.keys()].filter((name) => name.endsWith("running_mean")).map(parentOf));
  for (const [name, tensor] of weights) {
    const kind = kindOf(name, norms);
    groups.set(kind, [...(groups.get(kind) ?? []), tensor]);
  }
  const renamed = new Map<string, Tensor>();
  const ours = new Set(network.kind === "mlp" && network.batchNorm ? network.hidden.map((_, k) => `norms.${k}`) : []);
  for (const { name } of parameterLayout(network).tensors) {
    const tensor = groups.get(kindOf(name, ours))?.shift();
    if (tensor !== undefined) renamed.set(name, tensor);
  }
  const left = [...groups].find(([, tensors]) => tensors.length > 0);
  if (left !== undefined) throw unknownNetwork(`it has more tensors of the kind "${left[0]}" than its layers take`);
  return renamed;
}

function parentOf(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf(".")));
}

/** `weight_hh_l1`, or `linear weight`, or `norm weight`. */
function kindOf(name: string, norms: ReadonlySet<string>): string {
  const last = name.slice(name.lastIndexOf(".") + 1);
  if (/_l\d+$/.test(last)) return last;
  return `${norms.has(parentOf(name)) ? "norm" : "linear"} ${last}`;
}
