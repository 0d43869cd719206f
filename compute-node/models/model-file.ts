/**
 * @file A model as one file, the same bytes on every machine: safetensors with the manifest in its metadata, so that
 * every tool for that format opens the weights. Its name is the SHA-256 of the bytes.
 */
import { Problem } from "../../protocol/problem.ts";
import { sha256Of } from "../provenance/index.ts";
import { type NetworkSpec, parameterLayout } from "../training/network.ts";
import { MODEL_FORMAT, type ModelManifest, modelManifestWire } from "./manifest.ts";
import { readSafetensors, type Tensor, type TensorFile, writeSafetensors } from "./safetensors.ts";

export interface Model {
  readonly manifest: ModelManifest;
  /** In the order of `parameterLayout`. */
  readonly parameters: Float32Array;
}

interface EncodedModel {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly sha256: string;
}

/** The key of the manifest in the file's metadata. */
const MANIFEST = "ktrdr";

/** Throws a `Problem` for a model that `decodeModel` would refuse, so that every stored model can be read. */
export function encodeModel(model: Model): EncodedModel {
  checkModel(model);
  // Not sorted: the order of memberships within the strategy has a meaning.
  const manifest = JSON.stringify(modelManifestWire.encode(model.manifest));
  const tensors = tensorsOf(model.manifest.network, model.parameters);
  const bytes = writeSafetensors({ tensors, metadata: { [MANIFEST]: manifest } });
  return { bytes, sha256: sha256Of(bytes) };
}

/** Throws a `Problem` (`invalid-request`): damaged, of another version, or with weights that do not fit its network. */
export function decodeModel(bytes: Uint8Array): Model {
  const file = readSafetensors(bytes);
  const manifest = modelManifestWire.parse(parseManifest(file), "model's manifest");
  const model = { manifest, parameters: parametersOf(manifest.network, file.tensors) };
  checkModel(model);
  return model;
}

/** The tensors of a network by their names in a PyTorch state dict. */
export function tensorsOf(network: NetworkSpec, parameters: Float32Array): Map<string, Tensor> {
  return new Map(
    parameterLayout(network).tensors.map(({ name, shape, offset, length }) => [
      name,
      { shape, values: parameters.subarray(offset, offset + length) },
    ]),
  );
}

/** Throws a `Problem` for a tensor that is missing, left over, or of another shape. */
export function parametersOf(network: NetworkSpec, tensors: ReadonlyMap<string, Tensor>): Float32Array {
  const layout = parameterLayout(network);
  const parameters = new Float32Array(layout.length);
  for (const { name, shape, offset } of layout.tensors) {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw unfit(`it has no tensor "${name}"`);
    if (tensor.shape.join() !== shape.join())
      throw unfit(`tensor "${name}" has the shape [${tensor.shape.join(", ")}], and the network [${shape.join(", ")}]`);
    parameters.set(tensor.values, offset);
  }
  const expected = new Set(layout.tensors.map(({ name }) => name));
  const extra = [...tensors.keys()].find((name) => !expected.has(name));
  if (extra !== undefined) throw unfit(`tensor "${extra}" has no place in the network`);
  return parameters;
}

function parseManifest({ metadata }: TensorFile): unknown {
  const text = metadata[MANIFEST];
  if (text === undefined)
    throw new Problem("invalid-request", "This safetensors file is no model of ktrdr: it has no manifest.", {
      cure: "Import it with a strategy, which says what its inputs and outputs mean.",
    });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new Problem("invalid-request", "The manifest of this model is not JSON.", {
      cure: "Fetch the model again and check its SHA-256.",
      cause: error,
    });
  }
  const { format } = (json ?? {}) as { format?: unknown };
  if (format !== MODEL_FORMAT)
    throw new Problem(
      "invalid-request",
      `This model has the format ${String(format)}; this version reads ${MODEL_FORMAT}.`,
      {
        cure: "Update ktrdr, or train the model again.",
      },
    );
  return json;
}

function checkModel({ manifest, parameters }: Model): void {
  const { network, features, classNames } = manifest;
  if (features.length !== network.inputs)
    throw unfit(`it lists ${features.length} features, and the network takes ${network.inputs}`);
  const outputs = Math.max(1, classNames.length);
  if (network.outputs !== outputs) throw unfit(`it needs ${outputs} outputs, and the network has ${network.outputs}`);
  const { length } = parameterLayout(network);
  if (parameters.length !== length) throw unfit(`it has ${parameters.length} weights, and the network ${length}`);
  const bad = parameters.findIndex((value) => !Number.isFinite(value));
  if (bad !== -1) throw unfit(`weight ${bad} is ${parameters[bad]}`);
}

function unfit(why: string): Problem {
  return new Problem("invalid-request", `This model does not fit together: ${why}.`, {
    cure: "Export it again from where it was trained.",
  });
}

/**
 * Checks that features which were computed are those of the model, in its order. Throws a `Problem`
 * (`invalid-strategy`) with the first one that is not: a network cannot tell its inputs apart by itself.
 */
export function requireFeatures({ features }: ModelManifest, names: readonly string[]): void {
  const at = Math.max(features.length, names.length);
  for (let k = 0; k < at; k++) {
    const expected = features[k]?.name;
    if (expected === names[k]) continue;
    throw new Problem(
      "invalid-strategy",
      `Input ${k + 1} of the model is ${expected ?? "not there"}, and the features have ${names[k] ?? "nothing"} there.`,
      { cure: "Compute the features in the order of the model's manifest." },
    );
  }
}
