/** The look-ahead audit of a trained model: indicators, features, outputs, decisions and fills, its scaling included. */
import type { BacktestSettings } from "../../protocol/operations/index.ts";
import { type AuditReport, auditNeural } from "../backtest/index.ts";
import { type BarsByTimeframe, decisionSettings } from "../strategy/index.ts";
import type { Model } from "./model-file.ts";
import { type ModelRunOptions, modelOutputs } from "./model-signals.ts";

interface ModelAuditOptions extends ModelRunOptions {
  /** With them, the fills of a model that trades are compared too. */
  readonly settings?: BacktestSettings;
}

/** Throws a `Problem` as `modelOutputs` does. */
export function auditModel(
  model: Model,
  bars: BarsByTimeframe,
  { settings, ...options }: ModelAuditOptions = {},
): Promise<AuditReport> {
  const { strategy, features } = model.manifest;
  const decisions = decisionSettings(strategy);
  const trades = decisions.outputType === "classification" || decisions.outputType === "regression";
  return auditNeural(strategy, bars, {
    ...(options.context !== undefined && { context: options.context }),
    ...(settings !== undefined && { settings }),
    names: features.map(({ name }) => name),
    network: {
      decisions: trades ? decisions : null,
      outputs: (cut, context) => modelOutputs(model, cut, { ...options, context }),
    },
  });
}
