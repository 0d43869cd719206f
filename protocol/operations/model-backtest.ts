/** A trained model on the prices of one symbol. */
import { z } from "zod";
import { sha256 } from "../identifiers.ts";
import { backtestSettings } from "./backtest-settings.ts";
import { dataRequest } from "./data-request.ts";
import type { OperationDeclaration } from "./declaration.ts";

/** A backtest of a trained model; its strategy is the one that it was trained with. */
export const modelBacktestSpec = z.strictObject({
  kind: z.literal("model_backtest"),
  /** The content hash of the model's file; `name` and `version` are for people. */
  model: z.strictObject({ sha256, name: z.string().max(100).optional(), version: z.int().min(1).optional() }),
  /** One symbol in every timeframe that the model reads, and the data of its context. The range of the first counts. */
  data: z.array(dataRequest).min(1).max(20),
  settings: backtestSettings.prefault({}),
});
export type ModelBacktestSpec = z.infer<typeof modelBacktestSpec>;

export const modelBacktestOperation = {
  spec: modelBacktestSpec,
  datasets: ({ data }) => data,
  allowance: ({ kind }) => kind,
  isAllowedByName: true,
  isCheckpointed: false,
  workerTypes: ["backtesting"],
} satisfies OperationDeclaration<ModelBacktestSpec>;
