/** Describes a model inside its file: everything that a backtest needs besides bars, and where the model came from. */
import { z } from "zod";
import { sha256, symbol, timeframe, timestampMs } from "../../protocol/identifiers.ts";
import { neuralStrategy } from "../../protocol/strategy-neural.ts";

import { wire } from "../../protocol/wire.ts";
import type { EpochRecord } from "../training/checkpoint.ts";
import { ACTIVATIONS, type NetworkSpec } from "../training/network.ts";
import { featureScale, labelConfig } from "../training/pipeline/index.ts";

/** Raised with every change after which an older file cannot be read. */
export const MODEL_FORMAT = "ktrdr.model.v1";

const width = z.int().min(1).max(65_536);
const dropout = z.number().min(0).lt(1);

const mlpSpec = z.strictObject({
  kind: z.literal("mlp"),
  inputs: width,
  hidden: z.array(width).max(100),
  outputs: width,
  activation: z.enum(ACTIVATIONS),
  dropout,
  batchNorm: z.boolean(),
});

const recurrentSpec = z.strictObject({
  kind: z.enum(["lstm", "gru"]),
  inputs: width,
  hidden: width,
  layers: z.int().min(1).max(100),
  outputs: width,
  dropout,
  sequenceLength: z.int().min(1).max(65_535),
});

const networkSpec: z.ZodType<NetworkSpec> = z.discriminatedUnion("kind", [mlpSpec, recurrentSpec]);

/** One series that the model learnt from. */
const trainedData = z.strictObject({
  symbol,
  timeframe,
  sha256,
  startMs: timestampMs,
  endMs: timestampMs,
  bars: z.int().min(1),
});

/** The learning curve, an epoch each. */
const epochRecord: z.ZodType<EpochRecord> = z.strictObject({
  epoch: z.int(),
  trainingLoss: z.number(),
  trainingAccuracy: z.number(),
  validationLoss: z.number().nullable(),
  validationAccuracy: z.number().nullable(),
  learningRate: z.number(),
  largestGradient: z.number(),
});

export const modelManifest = z.strictObject({
  format: z.literal(MODEL_FORMAT),
  name: z.string().min(1).max(100),
  /** As it was when it was trained: indicators, sets and decisions of a backtest are these, even when the file has changed since. */
  strategy: neuralStrategy,
  network: networkSpec,
  /** In the order of the network's inputs. */
  features: z.array(featureScale).min(1),
  /** In the order of the outputs; empty for a regression. */
  classNames: z.array(z.string()),
  labels: labelConfig,
  data: z.array(trainedData),
  /** Series of other symbols that its indicators read; absent for none. */
  contextData: z.array(trainedData).min(1).optional(),
  /** First bars of the validation and the test part; null where there is none. */
  split: z.strictObject({ validationMs: timestampMs.nullable(), testMs: timestampMs.nullable() }).nullable(),
  /** Versions and seed that give the same weights again; null for an imported network. */
  training: z
    .strictObject({
      codeVersion: z.string(),
      backend: z.string(),
      seed: z.int(),
      bestEpoch: z.int(),
      end: z.enum(["epochs", "early_stopping"]),
      history: z.array(epochRecord),
      /** Examples of each part. */
      examples: z.strictObject({ training: z.int(), validation: z.int(), test: z.int() }),
      /** SHA-256 of the specification. */
      specSha256: sha256,
    })
    .nullable(),
  /** By part, as `evaluatePart` gives them. */
  metrics: z.record(z.string(), z.unknown()),
});
export type ModelManifest = z.infer<typeof modelManifest>;

export const modelManifestWire = wire(modelManifest);
