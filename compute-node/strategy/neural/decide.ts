/** Decides from a network's output whether to buy, hold or sell: one pure function, used wherever models decide. */
import { HOUR_MS } from "../../../protocol/durations.ts";
import type { NeuralStrategy } from "../../../protocol/strategy-neural.ts";

export type Signal = "buy" | "hold" | "sell";
export type Position = "flat" | "long" | "short";
/** The kind of a model's output, by its labels. Regimes and contexts never trade by themselves. */
export type OutputType = "classification" | "regression" | "regime" | "context";

/** The `decisions` of a strategy with the standard values filled in. */
export interface DecisionSettings {
  readonly outputType: OutputType;
  /** Below it a classification holds. */
  readonly confidenceThreshold: number;
  /** Hours between two trades, exits included. */
  readonly minSignalSeparationHours: number;
  /** A signal for the side that is held already is dropped. */
  readonly positionAwareness: boolean;
  /** True when a classification may sell while flat. */
  readonly allowShortFromFlat: boolean;
  /** For a regression, the predicted return that pays for the costs, as a fraction. */
  readonly edge: number;
}

export type HoldReason =
  | "output-undefined"
  | "not-a-signal"
  | "below-threshold"
  | "too-soon"
  | "already-held"
  | "no-short-from-flat";

export interface Decision {
  readonly signal: Signal;
  /** 0 to 1. */
  readonly confidence: number;
  /** The reason to hold although the output says otherwise or is undefined; null where it follows the output. */
  readonly reason: HoldReason | null;
}

/** Standard values and meaning as in ktrdr (Python): decisions, filters, cost_model and labels of the strategy. */
export function decisionSettings(strategy: NeuralStrategy): DecisionSettings {
  const { decisions } = strategy;
  const filters = mapping(decisions.filters);
  const costs = mapping(decisions.cost_model);
  return {
    outputType: outputTypeOf(strategy),
    confidenceThreshold: numberOr(decisions.confidence_threshold, 0.5),
    minSignalSeparationHours: numberOr(filters.min_signal_separation, 4),
    positionAwareness: decisions.position_awareness !== false,
    allowShortFromFlat: decisions.allow_short_from_flat === true,
    edge: numberOr(costs.round_trip_cost, 0.003) * numberOr(costs.min_edge_multiplier, 1.5),
  };
}

/**
 * The signal for one bar. `outputs` from `offset` on: for a classification the raw logits of buy, hold and sell, whose
 * softmax is taken; for a regression the predicted return as a fraction. `timeMs` is the bar's time, `lastTradeMs` that of
 * the last executed trade, entry or exit, or null. Anything not finite holds, with confidence 0.
 */
export function decide(
  settings: DecisionSettings,
  outputs: ArrayLike<number>,
  offset: number,
  position: Position,
  timeMs: number,
  lastTradeMs: number | null,
): Decision {
  if (settings.outputType === "regime" || settings.outputType === "context") return hold(0, "not-a-signal");
  const isRegression = settings.outputType === "regression";
  const raw = isRegression ? ofPrediction(outputs[offset], settings.edge) : ofLogits(outputs, offset);
  if (raw === null) return hold(0, "output-undefined");
  const { signal, confidence } = raw;
  if (signal === "hold") return raw;
  if (!isRegression && confidence < settings.confidenceThreshold) return hold(confidence, "below-threshold");
  if (lastTradeMs !== null && timeMs - lastTradeMs < settings.minSignalSeparationHours * HOUR_MS)
    return hold(confidence, "too-soon");
  if (!settings.positionAwareness) return raw;
  if ((position === "long" && signal === "buy") || (position === "short" && signal === "sell"))
    return hold(confidence, "already-held");
  if (position === "flat" && signal === "sell" && !isRegression && !settings.allowShortFromFlat)
    return hold(confidence, "no-short-from-flat");
  return raw;
}

const CLASSES: readonly Signal[] = ["buy", "hold", "sell"];

function ofLogits(outputs: ArrayLike<number>, offset: number): Decision | null {
  let best = 0;
  for (let k = 1; k < 3; k++) if (outputs[offset + k] > outputs[offset + best]) best = k;
  const top = outputs[offset + best];
  let sum = 0;
  // The greatest one's is 1.
  for (let k = 0; k < 3; k++) sum += k === best ? 0 * top + 1 : Math.exp(outputs[offset + k] - top);
  return Number.isFinite(sum) ? { signal: CLASSES[best], confidence: 1 / sum, reason: null } : null;
}

function ofPrediction(prediction: number, edge: number): Decision | null {
  if (!Number.isFinite(prediction)) return null;
  const signal = prediction > edge ? "buy" : prediction < -edge ? "sell" : "hold";
  return { signal, confidence: Math.min(Math.abs(prediction) / (3 * edge), 1), reason: null };
}

function hold(confidence: number, reason: HoldReason): Decision {
  return { signal: "hold", confidence, reason };
}

function outputTypeOf({ decisions, training }: NeuralStrategy): OutputType {
  const { source } = mapping(training.labels);
  if (source === "regime" || source === "context") return source;
  return decisions.output_format === "regression" || source === "forward_return" ? "regression" : "classification";
}

function mapping(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function numberOr(value: unknown, standard: number): number {
  return typeof value === "number" ? value : standard;
}
