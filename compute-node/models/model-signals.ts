/** A model over bars: features as in training, the network's answers, and their meaning for a position. */
import { Problem } from "../../protocol/problem.ts";
import {
  type BarsByTimeframe,
  computeFeatures,
  decisionSettings,
  type FeatureOptions,
  type NeuralSignals,
  neuralSignals,
  resolveNeural,
} from "../strategy/index.ts";
import { cpuBackend } from "../training/cpu/backend.ts";
import type { NetworkSpec, TrainingBackend } from "../training/network.ts";
import { fillRows, finiteRows } from "../training/pipeline/index.ts";
import { type Model, requireFeatures } from "./model-file.ts";
import { networkOutputs } from "./run-network.ts";

export interface ModelRunOptions {
  readonly context?: FeatureOptions["context"];
  /** The CPU by default. */
  readonly backend?: TrainingBackend;
}

interface ModelOutputs {
  /** [bar, output]: one for each bar of the base timeframe, NaN where features or rows before them are missing. */
  readonly outputs: Float32Array;
  /** The first bar that has an answer; the number of bars where none has. */
  readonly firstRow: number;
}

/**
 * Computes the model's answer at each bar, from bars up to its close alone. Throws a `Problem`: `data-not-found` for a
 * timeframe that is not given, `invalid-strategy` where the features are not those of the model.
 */
export async function modelOutputs(
  { manifest, parameters }: Model,
  bars: BarsByTimeframe,
  { context = {}, backend = cpuBackend() }: ModelRunOptions = {},
): Promise<ModelOutputs> {
  const { strategy, network, features } = manifest;
  const matrix = computeFeatures(strategy, bars, { context, names: features.map(({ name }) => name) });
  requireFeatures(manifest, matrix.names);
  const finite = finiteRows(matrix);
  const scaled = new Float32Array(matrix.rows * network.inputs);
  fillRows(matrix.columns, features, finite, 0, scaled, 0);
  const rows = exampleEnds(finite, network);
  const answers = await networkOutputs(backend, network, parameters, { features: scaled, rows });
  const width = network.outputs;
  if (rows.length === matrix.rows) return { outputs: answers, firstRow: 0 };
  const outputs = new Float32Array(matrix.rows * width).fill(Number.NaN);
  for (let example = 0; example < rows.length; example++)
    for (let k = 0; k < width; k++) outputs[rows[example] * width + k] = answers[example * width + k];
  return { outputs, firstRow: rows[0] ?? matrix.rows };
}

/** Rows that end a window in which every row has its features. */
function exampleEnds(finite: Uint8Array, network: NetworkSpec): Uint32Array {
  const length = network.kind === "mlp" ? 1 : network.sequenceLength;
  const ends = new Uint32Array(finite.length);
  let count = 0;
  let run = 0;
  for (let row = 0; row < finite.length; row++) {
    run = finite[row] === 1 ? run + 1 : 0;
    if (run >= length) ends[count++] = row;
  }
  return ends.subarray(0, count);
}

export interface ModelSignalOptions extends ModelRunOptions {
  /** Fraction of free equity that an entry uses. */
  readonly sizeFraction?: number;
}

/** Signals for the backtest engine. Throws a `Problem` (`invalid-strategy`) for a model that never trades by itself. */
export async function modelSignals(
  model: Model,
  bars: BarsByTimeframe,
  { sizeFraction, ...options }: ModelSignalOptions = {},
): Promise<NeuralSignals> {
  const { strategy } = model.manifest;
  const settings = decisionSettings(strategy);
  if (settings.outputType === "regime" || settings.outputType === "context")
    throw new Problem("invalid-strategy", `A ${settings.outputType} model names the market's state and never trades.`, {
      cure: "Backtest a model of zigzag, triple_barrier or forward_return labels.",
    });
  const { outputs, firstRow } = await modelOutputs(model, bars, options);
  const base = bars[resolveNeural(strategy).baseTimeframe];
  return neuralSignals(settings, outputs, base, { firstRow, ...(sizeFraction === undefined ? {} : { sizeFraction }) });
}
