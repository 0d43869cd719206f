/** The fuzzy-neural strategy of the benchmarks: 10 indicators, 8 fuzzy sets, 30 features. */

import { parseStrategyFile } from "../compute-node/strategy/index.ts";
import type { NeuralStrategy } from "../protocol/strategy-neural.ts";

const STRATEGY = `name: bench
training_data: { symbols: { mode: single, symbol: X }, timeframes: { mode: single, timeframe: 1m } }
indicators:
  rsi: { type: rsi, period: 14 }
  macd: { type: macd }
  bands: { type: bbands, period: 20 }
  width: { type: bollingerbandwidth, period: 20 }
  atr: { type: atr, period: 14 }
  adx: { type: adx, period: 14 }
  stochastic: { type: stochastic }
  distance: { type: distancefromma, period: 50 }
  roc: { type: roc, period: 10 }
  ema: { type: ema, period: 20 }
fuzzy_sets:
  momentum: { indicator: rsi, low: [0, 20, 40], middle: [30, 50, 70], high: [60, 80, 100] }
  histogram: { indicator: macd.histogram, down: [-2, -1, 0], flat: [-1, 0, 1], up: [0, 1, 2] }
  squeeze: { indicator: width, narrow: [0, 0.02, 0.05], middle: [0.03, 0.06, 0.1], wide: [0.08, 0.2, 0.5] }
  trend: { indicator: adx.adx, weak: [0, 10, 25], strong: { type: trapezoidal, parameters: [20, 30, 100, 100] } }
  direction: { indicator: adx.plus_di, low: [0, 10, 25], middle: [15, 25, 35], high: [25, 40, 100] }
  place: { indicator: stochastic.k, low: [0, 10, 30], middle: [20, 50, 80], high: [70, 90, 100] }
  away: { indicator: distance, below: { type: gaussian, parameters: [-2, 1] }, near: { type: gaussian, parameters: [0, 1] }, above: { type: gaussian, parameters: [2, 1] } }
  speed: { indicator: roc, falling: [-10, -3, 0], flat: [-1, 0, 1], rising: [0, 3, 10] }
nn_inputs:
  - { fuzzy_set: momentum, timeframes: all }
  - { fuzzy_set: histogram, timeframes: all }
  - { fuzzy_set: squeeze, timeframes: all }
  - { fuzzy_set: trend, timeframes: all }
  - { fuzzy_set: direction, timeframes: all }
  - { fuzzy_set: place, timeframes: all }
  - { fuzzy_set: away, timeframes: all }
  - { fuzzy_set: speed, timeframes: all }
  - { raw_indicator: rsi, timeframes: all }
  - { raw_indicator: macd.line, timeframes: all }
  - { raw_indicator: bands.upper, timeframes: all }
  - { raw_indicator: atr, timeframes: all }
  - { raw_indicator: stochastic.d, timeframes: all }
  - { raw_indicator: ema, timeframes: all }
  - { raw_indicator: macd.signal, timeframes: all }
model: { type: mlp, architecture: { hidden_layers: [64, 32] } }
decisions: { output_format: classification, confidence_threshold: 0.4, filters: { min_signal_separation: 0.5 } }
training: { labels: LABELS, batch_size: 128, optimizer: adam }
`;

/** With labels as a YAML flow mapping, such as `{ source: zigzag }`. */
export function neuralStrategy(labels = "{ source: zigzag }"): NeuralStrategy {
  const strategy = parseStrategyFile(STRATEGY.replace("LABELS", labels), "bench.yaml");
  if (strategy.kind !== "neural") throw new Error("the strategy was read as rules");
  return strategy;
}
