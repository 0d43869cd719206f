/** The hash of a specification. `protocol/specification-text.ts` lists the parts that it covers. */
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
