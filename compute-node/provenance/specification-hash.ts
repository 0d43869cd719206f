/** The hash of what was asked for. `protocol/specification-text.ts` says what it covers. */
import type { OperationSpec } from "../../protocol/operations/index.ts";
import { type ModelBacktestChoice, modelBacktestText, specificationText } from "../../protocol/specification-text.ts";
import { sha256Of } from "./sha256.ts";

export function specificationHash(spec: OperationSpec): string {
  return sha256Of(specificationText(spec));
}

/** The same for a model's backtest that has no specification. */
export function modelBacktestHash(choice: ModelBacktestChoice): string {
  return sha256Of(modelBacktestText(choice));
}
