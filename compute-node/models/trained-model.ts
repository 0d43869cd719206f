/** Makes a model of a finished training run: its weights, with everything that a backtest and a reader need to know. */
import type { NeuralStrategy } from "../../protocol/strategy-neural.ts";
import type { TrainingSession } from "../training/network.ts";
import {
  evaluatePart,
  type PartMetrics,
  type PreparedTraining,
  type TrainingPlan,
} from "../training/pipeline/index.ts";
import type { TrainedNetwork } from "../training/train.ts";
import { MODEL_FORMAT, type ModelManifest } from "./manifest.ts";
import type { Model } from "./model-file.ts";

type TrainedMetrics = Readonly<Partial<Record<"validation" | "test", PartMetrics>>>;

/** The metrics of the parts that did not train, by the weights that the session holds; none for a part without rows. */
export async function measureParts(prepared: PreparedTraining, session: TrainingSession): Promise<TrainedMetrics> {
  const metrics: Partial<Record<"validation" | "test", PartMetrics>> = {};
  for (const part of ["validation", "test"] as const) {
    const rows = prepared.set[part];
    if (rows.length === 0) continue;
    metrics[part] = evaluatePart(prepared, part, (await session.evaluate(rows)).outputs);
  }
  return metrics;
}

interface TrainingOutcome {
  readonly name: string;
  readonly strategy: NeuralStrategy;
  readonly prepared: PreparedTraining;
  readonly plan: TrainingPlan;
  readonly trained: TrainedNetwork;
  readonly metrics: TrainedMetrics;
  /** The series that it was trained on. */
  readonly data: ModelManifest["data"];
  readonly contextData?: ModelManifest["data"];
  /** SHA-256 of the specification. */
  readonly specSha256: string;
  readonly codeVersion: string;
  /** The name of the training backend. */
  readonly backend: string;
}

/** The same outcome gives the same model; it holds no clock and no machine's name. */
export function trainedModel(outcome: TrainingOutcome): Model {
  const { name, strategy, prepared, plan, trained, metrics, data, contextData = [] } = outcome;
  const { specSha256, codeVersion, backend } = outcome;
  const { set, features, classNames, labels, validationMs, testMs } = prepared;
  const manifest: ModelManifest = {
    format: MODEL_FORMAT,
    name,
    strategy,
    network: plan.network,
    features: [...features],
    classNames: [...classNames],
    labels,
    data: [...data],
    ...(contextData.length === 0 ? {} : { contextData: [...contextData] }),
    split: { validationMs: finiteOrNull(validationMs), testMs: finiteOrNull(testMs) },
    training: {
      codeVersion,
      backend,
      seed: plan.options.seed,
      bestEpoch: trained.bestEpoch,
      end: trained.end,
      history: [...trained.history],
      examples: { training: set.training.length, validation: set.validation.length, test: set.test.length },
      specSha256,
    },
    metrics: { ...metrics },
  };
  return { manifest, parameters: trained.parameters };
}

function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
