/** A network that learns from prices. */
import { z } from "zod";
import { neuralStrategy } from "../strategy-neural.ts";
import { modelName, trainingBackend } from "../training.ts";
import { dataRequest, MAX_REQUESTED_SYMBOLS } from "./data-request.ts";
import type { OperationDeclaration } from "./declaration.ts";

/** The message names the value that does not fit, and the range. */
function wholeNumber(least: number, most: number) {
  const error = ({ input }: { input?: unknown }) => `${String(input)} is not a whole number from ${least} to ${most}`;
  return z.int({ error }).min(least, { error }).max(most, { error });
}

/** Trains the network of a neural strategy. It leaves a model, the next version of its name. */
export const trainSpec = z.strictObject({
  kind: z.literal("train"),
  model: modelName,
  /** Its own `training.start_date` and `end_date` hold unless `data` says a range. */
  strategy: neuralStrategy,
  /** Every symbol of the strategy in every timeframe, and the data that its `context_data` names. */
  data: z.array(dataRequest).min(1).max(MAX_REQUESTED_SYMBOLS),
  /** Replaces the strategy's. */
  seed: wholeNumber(0, 2 ** 32 - 1).optional(),
  epochs: wholeNumber(1, 1_000_000).optional(),
  /** Trains this many networks side by side, from `seed` on; the best by validation loss is the model. 1 without it. */
  seeds: wholeNumber(1, 256).optional(),
  backend: trainingBackend.default("auto"),
  /** Uses relaxed SIMD on the CPU: faster, and not the same bits on every machine. */
  fast: z.boolean().default(false),
});
export type TrainSpec = z.infer<typeof trainSpec>;

export const trainOperation = {
  spec: trainSpec,
  datasets: ({ data }) => data,
  allowance: ({ kind }) => kind,
  isAllowedByName: true,
  isCheckpointed: true,
  workerTypes: ["gpu_host", "cpu_training"],
  modelName: ({ model }) => model,
} satisfies OperationDeclaration<TrainSpec>;
