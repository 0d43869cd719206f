/** A trained model on the prices of one symbol. */
import { BACKTEST_RESULT_MEDIA_TYPE, type ModelBacktestSpec } from "../../protocol/index.ts";
import { runEngine } from "./engine-run.ts";
import type { JobDataset, ThreadJob } from "./job.ts";

interface ModelBacktestInput {
  readonly kind: "model_backtest";
  readonly spec: ModelBacktestSpec;
  readonly datasets: readonly JobDataset[];
  /** The model's file. */
  readonly model: Uint8Array;
}

export const modelBacktestJob: ThreadJob<ModelBacktestSpec, ModelBacktestInput> = {
  place: "thread",
  input: async (spec, { datasets, model }) => ({
    ...{ kind: "model_backtest", spec, datasets },
    model: await model(spec.model.sha256),
  }),
  async run({ spec, datasets, model }, turn) {
    // Networks and their kernels: a thread that never needs them does not load them.
    const { runModelBacktest } = await import("../models/index.ts");
    return runEngine(turn, BACKTEST_RESULT_MEDIA_TYPE, (onProgress) =>
      runModelBacktest({ spec, datasets, model, onProgress }),
    );
  },
};
