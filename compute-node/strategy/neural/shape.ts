/** Turns the schema's faults in a neural strategy file into the words of its author. */
import type { z } from "zod";
import { suggestion } from "../closest-name.ts";
import { kindOf, shown, valueAt } from "../shape-faults.ts";
import type { StrategyFault } from "../strategy-faults.ts";

type Issue = z.core.$ZodIssue;

export function neuralShapeFaults(error: z.ZodError, content: unknown): StrategyFault[] {
  return error.issues.map((issue) => faultOf(issue, content));
}

function faultOf(issue: Issue, content: unknown): StrategyFault {
  const path = issue.path.map(String);
  const value = valueAt(content, path);
  const key = path.at(-1) ?? "the strategy";
  if (value === undefined || value === null) {
    const cure = EXAMPLES[path.join(".")] ?? EXAMPLES[key] ?? "Add it.";
    return { message: `the key "${key}" is ${value === null ? "empty" : "missing"}`, cure, path };
  }
  if (issue.code === "invalid_value" && typeof value === "string") {
    const valid = issue.values.map(String);
    return { message: `${key} is "${value}"`, cure: suggestion(value, valid, "values"), path };
  }
  if (issue.code === "invalid_union") return unionFault(path, value);
  if (issue.code === "too_small" && path.at(-1) === "history_required")
    return { message: `history_required is ${shown(value)}`, cure: "Give a whole number from 50.", path };
  return {
    message: `${key} is ${shown(value)}`,
    cure: `${sentence(issue.message)} ${EXAMPLES[key] ?? ""}`.trim(),
    path,
  };
}

function unionFault(path: readonly string[], value: unknown): StrategyFault {
  if (path[0] === "fuzzy_sets" && path.length === 3) {
    const message = `membership "${path[2]}" is ${kindOf(value)}`;
    const cure = "Give { type: triangular, parameters: [0, 20, 40] }, or [0, 20, 40] for short: numbers alone.";
    return { message, cure, path };
  }
  const cure =
    path.at(-1) === "timeframes" ? "Give all, or a list such as [1h, 4h]." : "Give one of the forms of this key.";
  return { message: `${path.join(".")} is ${kindOf(value)}`, cure, path };
}

const EXAMPLES: Readonly<Record<string, string>> = {
  name: 'Add a name, such as "name: rsi_momentum".',
  training_data: "Add symbols and timeframes: { symbols: { mode: single, symbol: EURUSD }, timeframes: … }.",
  "training_data.symbols": "Add symbols: { mode: single, symbol: EURUSD }.",
  "training_data.timeframes": "Add timeframes: { mode: single, timeframe: 1h }.",
  mode: "Add mode: single.",
  indicators: "Add indicators, such as rsi_14: { type: rsi, period: 14 }.",
  fuzzy_sets: "Add fuzzy sets, such as momentum: { indicator: rsi_14, low: [0, 20, 40] }.",
  nn_inputs: "Add a list, such as - { fuzzy_set: momentum, timeframes: all }.",
  timeframes: "Add timeframes: all.",
  indicator: "Add indicator: the id of one under indicators.",
  type: "Add its type, such as type: rsi.",
  model: "Add model: { type: mlp, architecture: { hidden_layers: [64, 32] } }.",
  decisions: "Add decisions: { output_format: classification, confidence_threshold: 0.6 }.",
  training: "Add training: { epochs: 100, labels: { source: zigzag, zigzag_threshold: 0.02 } }.",
};

function sentence(message: string): string {
  return `${message.replace(/^Invalid input: e/, "E")}.`;
}
