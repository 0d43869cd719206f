/** The look-ahead audit of a trained model: indicators, features, outputs and decisions, its scaling included. */
import { type AuditReport, auditNeural } from "../backtest/index.ts";
import { type BarsByTimeframe, decisionSettings } from "../strategy/index.ts";
import type { Model } from "./model-file.ts";
import { type ModelRunOptions, modelOutputs } from "./model-signals.ts";

/** Throws a `Problem` as `modelOutputs` does. */
export function auditModel(model: Model, bars: BarsByTimeframe, options: ModelRunOptions = {}): Promise<AuditReport> {
  const { strategy, features } = model.manifest;
  const decisions = decisionSettings(strategy);
  const trades = decisions.outputType === "classification" || decisions.outputType === "regression";
  return auditNeural(strategy, bars, {
    ...(options.context !== undefined && { context: options.context }),
    names: features.map(({ name }) => name),
    network: {
      decisions: trades ? decisions : null,
      outputs: (cut, context) => modelOutputs(model, cut, { ...options, context }),
    },
  });
}
