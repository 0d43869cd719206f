/**
 * Features and decisions of a fuzzy-neural strategy with 10 indicators, 8 fuzzy sets and 30 features over 100,000 bars;
 * the network apart: three of the features stand in for its logits. Run: `node bench/features.ts [bars]`
 */
import { computeFeatures, decisionSettings, neuralSignals, parseStrategyFile } from "../compute-node/strategy/index.ts";
import { leastAndMedianSeconds } from "./measure.ts";
import { randomWalk } from "./random-walk.ts";

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
training: {}
`;

const rows = Number(process.argv[2] ?? 100_000);
const strategy = parseStrategyFile(STRATEGY, "bench.yaml");
if (strategy.kind !== "neural") throw new Error("the strategy was read as rules");
const bars = { "1m": randomWalk(rows, 1) };
const settings = decisionSettings(strategy);

const features = () => computeFeatures(strategy, bars);
const matrix = features();
const outputs = new Float32Array(3 * rows);
for (let row = 0; row < rows; row++) for (let k = 0; k < 3; k++) outputs[3 * row + k] = 3 * matrix.columns[k][row];
const decisions = () => neuralSignals(settings, outputs, bars["1m"], { firstRow: matrix.firstRow });
const together = () => {
  features();
  decisions();
};

const trades = decisions().exitLong.reduce((sum, value) => sum + value, 0);
console.log(`${matrix.names.length} features, ${rows} bars, ${trades} closed trades, first row ${matrix.firstRow}`);
for (const [name, work] of Object.entries({ features, decisions, together })) {
  const { least, median } = leastAndMedianSeconds(work, 9);
  const speed = (seconds: number) => `${(rows / seconds / 1e6).toFixed(2)} million bars/s`;
  console.log(`${name.padEnd(10)} median ${speed(median)}, best ${speed(least)}`);
}
