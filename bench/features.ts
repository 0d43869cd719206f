/**
 * Features and decisions of a fuzzy-neural strategy with 10 indicators, 8 fuzzy sets and 30 features over 100,000 bars;
 * the network apart: three of the features stand in for its logits. Run: `node bench/features.ts [bars]`
 */
import { computeFeatures, decisionSettings, neuralSignals } from "../compute-node/strategy/index.ts";
import { leastAndMedianSeconds } from "./measure.ts";
import { neuralStrategy } from "./neural-strategy.ts";
import { randomWalk } from "./random-walk.ts";

const rows = Number(process.argv[2] ?? 100_000);
const strategy = neuralStrategy();
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
