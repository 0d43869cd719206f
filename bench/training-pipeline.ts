/**
 * Measures the work around training, and a model's work in a backtest: features, labels, split, scaling and the
 * report over many bars, next to one epoch of 30-64-64-3 on the training rows; then a model of 30-64-32-3 from bars to trades.
 * Run: `node bench/training-pipeline.ts [rows]`
 */

import { runBacktest } from "../compute-node/backtest/index.ts";
import { MODEL_FORMAT, type Model, modelManifest, modelSignals } from "../compute-node/models/index.ts";
import { computeFeatures, resolveNeural } from "../compute-node/strategy/index.ts";
import { CpuSession } from "../compute-node/training/cpu/session.ts";
import type { NetworkSpec } from "../compute-node/training/network.ts";
import {
  LABEL_SOURCES,
  labelBars,
  labelConfigOf,
  prepareTraining,
  trainingPlan,
} from "../compute-node/training/pipeline/index.ts";
import { initialParameters } from "../compute-node/training/random.ts";
import { backtestSettings } from "../protocol/operations/index.ts";
import { median } from "./measure.ts";
import { neuralStrategy } from "./neural-strategy.ts";
import { randomWalk } from "./random-walk.ts";

interface PipelineTimes {
  readonly rows: number;
  /** Median seconds of the process's own time. */
  readonly seconds: Readonly<Record<string, number>>;
  /** From bars to a training set, over one epoch on it. */
  readonly prepareOverEpoch: number;
  readonly backtestedBarsPerSecond: number;
}

/** The works take turns, so that a busy moment of the machine falls on all of them. */
export async function benchTrainingPipeline(rows: number, rounds: number): Promise<PipelineTimes> {
  const bars = { "1m": randomWalk(rows, 1) };
  const strategy = neuralStrategy();
  const prepared = prepareTraining({ strategy, bars: { X: bars } });
  const { network, options } = trainingPlan(strategy, prepared);
  const trained = { ...network, hidden: [64, 64] } as NetworkSpec;
  const session = new CpuSession({ network: trained, options, set: prepared.set }, "exact");
  const order = prepared.set.training;
  const batchCount = Math.ceil(order.length / options.batchRows);
  const { learningRate } = options;
  const model = untrainedModel(strategy, network, prepared.classNames);
  const settings = backtestSettings.parse({});
  const works: Record<string, () => unknown> = {
    features: () => computeFeatures(strategy, bars),
    ...Object.fromEntries(
      LABEL_SOURCES.map((source) => {
        const config = labelConfigOf(neuralStrategy(`{ source: ${source} }`));
        return [`labels, ${source}`, () => labelBars(config, bars["1m"])];
      }),
    ),
    "bars to training set": () => prepareTraining({ strategy, bars: { X: bars } }),
    "one epoch": () => session.trainBatchesNow({ order, firstBatch: 0, batchCount, learningRate }),
    "model to trades": async () => runBacktest(bars["1m"], await modelSignals(model, bars), settings),
  };
  const seconds = await medianCpuSeconds(works, rounds);
  return {
    rows,
    seconds,
    prepareOverEpoch: seconds["bars to training set"] / seconds["one epoch"],
    backtestedBarsPerSecond: rows / seconds["model to trades"],
  };
}

async function medianCpuSeconds(works: Record<string, () => unknown>, rounds: number): Promise<Record<string, number>> {
  const times = Object.fromEntries(Object.keys(works).map((name) => [name, [] as number[]]));
  for (let round = -1; round < rounds; round++) {
    for (const [name, work] of Object.entries(works)) {
      const start = process.cpuUsage();
      await work();
      const { user, system } = process.cpuUsage(start);
      // The first round warms up.
      if (round >= 0) times[name].push((user + system) / 1e6);
    }
  }
  return Object.fromEntries(Object.entries(times).map(([name, values]) => [name, median(values)]));
}

function untrainedModel(
  strategy: ReturnType<typeof neuralStrategy>,
  network: ReturnType<typeof trainingPlan>["network"],
  classNames: readonly string[],
): Model {
  const features = resolveNeural(strategy).features.map(({ name }) => ({ name, kind: "none", offset: 0, factor: 1 }));
  const labels = labelConfigOf(strategy);
  const rest = { data: [], split: null, training: null, metrics: {} };
  const manifest = { format: MODEL_FORMAT, name: "bench", strategy, network, features, classNames, labels, ...rest };
  return { manifest: modelManifest.parse(manifest), parameters: initialParameters(network, 3) };
}

export function describePipeline({ rows, seconds, prepareOverEpoch, backtestedBarsPerSecond }: PipelineTimes): string {
  const lines = Object.entries(seconds).map(
    ([name, value]) => `${name.padEnd(24)} ${(1000 * value).toFixed(0).padStart(6)} ms of processor time`,
  );
  return [
    `${rows} bars, 30 features`,
    ...lines,
    `bars to training set over one epoch: ${prepareOverEpoch.toFixed(2)} (goal: below 1)`,
    `a model of 30-64-32-3 from bars to trades: ${Math.round(backtestedBarsPerSecond / 1000)} thousand bars/s (goal: 400)`,
  ].join("\n");
}

if (import.meta.main) console.log(describePipeline(await benchTrainingPipeline(Number(process.argv[2] ?? 500_000), 5)));
