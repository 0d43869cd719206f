#!/usr/bin/env node
/**
 * Trains without any library: fits a line to the logarithm of the closes by gradient descent, slowly on purpose.
 * Shows everything that a program of `ktrdr run` needs: input, prices, progress, checkpoints, a result.
 *
 *   ktrdr node start --type cpu_training --program trend-line=$PWD/examples/trainers/trend-line.mjs
 *   ktrdr run trend-line --symbol SP500 --data-format npy --set epochs=50 --output trend.json
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const spec = JSON.parse(readFileSync(process.env.KTRDR_SPEC, "utf8"));
const { epochs = 20, learning_rate: learningRate = 0.5, pause_ms: pauseMs = 0 } = spec.input;
const closes = readCloses(spec.datasets[0]);
let state = { epoch: 0, level: 0, slope: 0 };
if (spec.checkpoint !== null) {
  state = JSON.parse(readFileSync(process.env.KTRDR_CHECKPOINT, "utf8"));
  say({ log: `goes on after epoch ${state.epoch}` });
}
let isLeaving = false;
process.on("SIGTERM", () => {
  isLeaving = true;
});

while (state.epoch < epochs) {
  const loss = trainOnce();
  say({ progress: { phase: "training", fraction: state.epoch / epochs, rates: { epoch: state.epoch, loss } } });
  if (isLeaving || state.epoch % 10 === 0) saveCheckpoint();
  if (isLeaving) process.exit(143);
  await sleep(pauseMs);
}
writeFileSync("trend.json", `${JSON.stringify(state)}\n`);
say({ result: { file: "trend.json", summary: { epochs, level: state.level, slope: state.slope } } });

function say(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

/** One step down the gradient of the mean squared error; x goes from -1 to 1 over the bars. */
function trainOnce() {
  let [loss, levelGradient, slopeGradient] = [0, 0, 0];
  closes.forEach((close, bar) => {
    const x = (2 * bar) / Math.max(1, closes.length - 1) - 1;
    const error = state.level + state.slope * x - Math.log(close);
    loss += error * error;
    levelGradient += error;
    slopeGradient += error * x;
  });
  state.level -= (learningRate * levelGradient) / closes.length;
  state.slope -= (learningRate * slopeGradient) / closes.length;
  state.epoch++;
  return loss / closes.length;
}

/** Each checkpoint has its own name, since the node takes the file while this program goes on. */
function saveCheckpoint() {
  const file = `checkpoint-${state.epoch}.json`;
  writeFileSync(file, JSON.stringify(state));
  say({ checkpoint: file });
}

/** Reads the fifth column of an `.npy` file of float64 values, stored column after column. */
function readCloses({ file, rows }) {
  const bytes = readFileSync(join(process.env.KTRDR_WORK_FOLDER, file));
  const start = 10 + bytes.readUInt16LE(8) + 4 * rows * 8;
  return new Float64Array(bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + start + rows * 8));
}
