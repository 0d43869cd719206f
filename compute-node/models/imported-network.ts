/** A network from elsewhere, and how it becomes a model: the strategy says what its inputs and outputs mean. */
import { Problem } from "../../protocol/problem.ts";
import type { NeuralStrategy } from "../../protocol/strategy-neural.ts";
import { resolveNeural } from "../strategy/index.ts";
import type { NetworkSpec } from "../training/network.ts";
import { classNamesOf, type FeatureScale, labelConfigOf } from "../training/pipeline/index.ts";
import { MODEL_FORMAT, type ModelManifest } from "./manifest.ts";
import type { Model } from "./model-file.ts";

export interface ImportedNetwork {
  readonly network: NetworkSpec;
  /** In the order of `parameterLayout`. */
  readonly parameters: Float32Array;
  /** One a feature, where the file scales its inputs itself; null otherwise. */
  readonly scales: readonly Pick<FeatureScale, "offset" | "factor">[] | null;
  /** Names of the inputs, where the file knows them. */
  readonly featureNames: readonly string[] | null;
}

/**
 * Throws a `Problem`: `invalid-strategy` for a strategy with another number of features or outputs, with features in
 * another order than the file says, or with inputs to be scaled by training rows that an import does not have.
 */
export function modelOfImport(imported: ImportedNetwork, strategy: NeuralStrategy, name: string): Model {
  const { network } = imported;
  const labels = labelConfigOf(strategy);
  const isRegression = strategy.decisions.output_format === "regression" || labels.source === "forward_return";
  const classNames = isRegression ? [] : [...classNamesOf(labels.source)];
  const { features } = resolveNeural(strategy);
  if (features.length !== network.inputs)
    throw unfit(`takes ${network.inputs} inputs, and the strategy has ${features.length} features`);
  const outputs = Math.max(1, classNames.length);
  if (outputs !== network.outputs)
    throw unfit(`has ${network.outputs} outputs, and ${labels.source} labels need ${outputs}`);
  const scaled = features.find(({ normalization }) => normalization !== "none");
  if (scaled !== undefined && imported.scales === null)
    throw new Problem(
      "invalid-strategy",
      `The strategy scales ${scaled.name}, and the file does not say by how much.`,
      {
        cure: "Import an ONNX file that scales its inputs itself, or remove normalization.",
      },
    );
  const misplaced = imported.featureNames?.findIndex((given, k) => given !== features[k].name) ?? -1;
  if (misplaced !== -1)
    throw unfit(
      `has ${imported.featureNames?.[misplaced]} as input ${misplaced + 1}, and the strategy ${features[misplaced].name}`,
    );
  const scales = features.map(({ name: feature, normalization }, k): FeatureScale => {
    const { offset, factor } = imported.scales?.[k] ?? { offset: 0, factor: 1 };
    const isPlain = offset === 0 && factor === 1;
    return { name: feature, kind: isPlain || normalization !== "none" ? normalization : "zscore", offset, factor };
  });
  const manifest: ModelManifest = {
    format: MODEL_FORMAT,
    name,
    strategy,
    network,
    features: scales,
    classNames,
    labels,
    data: [],
    split: null,
    training: null,
    metrics: {},
  };
  return { manifest, parameters: imported.parameters };
}

function unfit(why: string): Problem {
  return new Problem("invalid-strategy", `The network ${why}.`, {
    cure: "Import it with the strategy that it was trained for.",
  });
}

/** A file whose network ktrdr does not know. */
export function unknownNetwork(why: string): Problem {
  return new Problem("invalid-request", `This is not a network that ktrdr can take over: ${why}.`, {
    cure: "Give an mlp (linear, batch norm, relu, leaky_relu, tanh or sigmoid) or a one-way LSTM or GRU with a linear head.",
  });
}
