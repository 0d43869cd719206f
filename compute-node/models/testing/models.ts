/** Small models for tests. */
import fc from "fast-check";
import { HOUR_MS } from "../../../protocol/durations.ts";
import type { NeuralStrategy } from "../../../protocol/strategy-neural.ts";
import { parseStrategyFile, resolveNeural } from "../../strategy/index.ts";
import { ACTIVATIONS, type NetworkSpec, parameterLayout } from "../../training/network.ts";
import type { FeatureScale } from "../../training/pipeline/index.ts";
import { initialParameters } from "../../training/random.ts";
import type { Model } from "../index.ts";
import { MODEL_FORMAT, modelManifest } from "../manifest.ts";

/** A strategy with as many raw features as asked for. */
export function strategyOf(features: number, normalization: FeatureScale["kind"] = "none"): NeuralStrategy {
  const ids = Array.from({ length: features }, (_, k) => `roc_${k}`);
  const strategy = parseStrategyFile(
    JSON.stringify({
      name: "test",
      training_data: { symbols: { mode: "single", symbol: "X" }, timeframes: { mode: "single", timeframe: "1h" } },
      indicators: Object.fromEntries(ids.map((id, k) => [id, { type: "roc", period: k + 1 }])),
      fuzzy_sets: {},
      nn_inputs: ids.map((id) => ({ raw_indicator: id, timeframes: ["1h"], normalization })),
      model: { type: "mlp", architecture: { hidden_layers: [4] } },
      decisions: { confidence_threshold: 0.3 },
      training: { labels: { source: "zigzag" } },
    }),
    "test.yaml",
  );
  if (strategy.kind !== "neural") throw new Error("it was read as rules");
  return strategy;
}

/** Weights as training starts with, and batch norm as if it had seen something. */
export function modelOf(
  network: NetworkSpec,
  scale: Pick<FeatureScale, "kind" | "offset" | "factor"> | null = null,
): Model {
  const parameters = initialParameters(network, 7);
  const layout = parameterLayout(network);
  for (const { name, offset, length } of layout.tensors) {
    if (!name.startsWith("norms")) continue;
    for (let k = 0; k < length; k++) parameters[offset + k] = 0.5 + ((k * 7 + name.length) % 10) / 10;
  }
  const { kind, offset, factor } = scale ?? { kind: "none", offset: 0, factor: 1 };
  const strategy = strategyOf(network.inputs, kind);
  const features = resolveNeural(strategy).features.map(({ name }, k) => ({
    name,
    kind,
    offset: offset * (k + 1),
    factor,
  }));
  const manifest = modelManifest.parse({
    format: MODEL_FORMAT,
    name: "test",
    strategy,
    network,
    features,
    classNames: network.outputs === 1 ? [] : ["buy", "hold", "sell"],
    labels: { source: "zigzag" },
    data: [{ symbol: "X", timeframe: "1h", sha256: "0".repeat(64), startMs: 0, endMs: HOUR_MS, bars: 2 }],
    split: { validationMs: 10, testMs: null },
    training: {
      codeVersion: "1",
      backend: "cpu",
      seed: 7,
      bestEpoch: 1,
      end: "epochs",
      history: [],
      examples: { training: 10, validation: 5, test: 0 },
      specSha256: "1".repeat(64),
    },
    metrics: { validation: { accuracy: 0.5 } },
  });
  return { manifest, parameters };
}

const width = fc.integer({ min: 1, max: 9 });

export const anyNetwork: fc.Arbitrary<NetworkSpec> = fc.oneof(
  fc.record({
    kind: fc.constant("mlp" as const),
    inputs: width,
    hidden: fc.array(width, { maxLength: 3 }),
    outputs: fc.constantFrom(1, 3),
    activation: fc.constantFrom(...ACTIVATIONS),
    dropout: fc.constant(0.2),
    batchNorm: fc.boolean(),
  }),
  fc.record({
    kind: fc.constantFrom("lstm" as const, "gru" as const),
    inputs: width,
    hidden: width,
    layers: fc.integer({ min: 1, max: 3 }),
    outputs: fc.constantFrom(1, 3),
    dropout: fc.constant(0),
    sequenceLength: fc.integer({ min: 1, max: 6 }),
  }),
);

/** As many examples as asked for, values within ±2. */
export function examplesFor(network: NetworkSpec, count: number): Float32Array {
  const length = (network.kind === "mlp" ? 1 : network.sequenceLength) * network.inputs;
  return Float32Array.from({ length: count * length }, (_, index) => 2 * Math.sin(index * 1.7 + 0.3));
}
