/** A training run of moments on the daily prices of SP500, for tests. */
import { type TrainSpec, trainSpec } from "../../../protocol/operations/index.ts";

/** The strategy as its author writes it. */
export function smallStrategy(trainingData: Readonly<Record<string, string>> = {}) {
  return {
    name: "small",
    training_data: {
      symbols: { mode: "single", symbol: "SP500" },
      timeframes: { mode: "single", timeframe: "1d" },
      ...trainingData,
    },
    indicators: { speed: { type: "roc", period: 4 }, place: { type: "rsi", period: 10 } },
    fuzzy_sets: { level: { indicator: "place", low: [0, 20, 50], middle: [30, 50, 70], high: [50, 80, 100] } },
    nn_inputs: [
      { fuzzy_set: "level", timeframes: "all" },
      { raw_indicator: "speed", timeframes: "all", normalization: "zscore" },
    ],
    model: { type: "mlp", architecture: { hidden_layers: [8], dropout: 0.1 } },
    decisions: { confidence_threshold: 0.4, filters: { min_signal_separation: 0 } },
    training: { labels: { source: "zigzag", zigzag_threshold: 0.05 }, epochs: 6, learning_rate: 0.01, seed: 3 },
  };
}

export function smallSpec(
  change: Partial<Pick<TrainSpec, "seed" | "seeds" | "epochs" | "backend" | "fast">> = {},
  trainingData: Readonly<Record<string, string>> = {},
): TrainSpec {
  return trainSpec.parse({
    kind: "train",
    model: "small",
    strategy: smallStrategy(trainingData),
    data: [{ symbol: "SP500", timeframe: "1d" }],
    ...change,
  });
}
