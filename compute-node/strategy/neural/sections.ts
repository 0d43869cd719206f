/** Model, decisions and training of a neural strategy: the values that each key takes, and the keys without effect. */
import { z } from "zod";
import type { NeuralStrategy } from "../../../protocol/strategy-neural.ts";
import { suggestion } from "../closest-name.ts";
import type { Findings } from "./findings.ts";

type Section = "model" | "decisions" | "training";
type Mapping = Record<string, unknown>;

const positive = z.number().positive();
const wholeFromOne = z.int().min(1);
const fraction = z.number().min(0).max(1);
const atLeastZero = z.number().min(0);

/** Each key with its check, and the check in words. */
type Keys = Readonly<Record<string, readonly [z.ZodType, string]>>;

const ARCHITECTURE: Keys = {
  hidden_layers: [z.array(wholeFromOne).min(1), "a list of whole numbers, such as [64, 32]"],
  dropout: [z.number().min(0).lt(1), "a number from 0 to below 1"],
  activation: [z.enum(["relu", "tanh", "sigmoid", "leaky_relu"]), "relu, tanh, sigmoid or leaky_relu"],
  sequence_length: [wholeFromOne, "a whole number from 1"],
  hidden_size: [wholeFromOne, "a whole number from 1"],
  num_layers: [wholeFromOne, "a whole number from 1"],
  batch_norm: [z.boolean(), "true or false"],
};
const COST_MODEL: Keys = {
  round_trip_cost: [positive, "a number above 0"],
  min_edge_multiplier: [positive, "a number above 0"],
};
const FILTERS: Keys = { min_signal_separation: [atLeastZero, "a number of hours from 0"] };
const DECISIONS: Keys = {
  output_format: [z.enum(["classification", "regression"]), "classification or regression"],
  confidence_threshold: [fraction, "a number from 0 to 1"],
  position_awareness: [z.boolean(), "true or false"],
  allow_short_from_flat: [z.boolean(), "true or false"],
  filters: [z.record(z.string(), z.unknown()), "a mapping"],
  cost_model: [z.record(z.string(), z.unknown()), "a mapping"],
};
const DATA_SPLIT: Keys = {
  train: [fraction, "a number from 0 to 1"],
  validation: [fraction, "a number from 0 to 1"],
  test: [fraction, "a number from 0 to 1"],
};
const TRAINING: Keys = {
  method: [z.string(), "a text"],
  labels: [z.record(z.string(), z.unknown()), "a mapping"],
  data_split: [z.record(z.string(), z.unknown()), "a mapping"],
  epochs: [wholeFromOne, "a whole number from 1"],
  learning_rate: [positive, "a number above 0"],
  batch_size: [wholeFromOne, "a whole number from 1"],
  loss: [z.string(), "a text"],
  focal_gamma: [atLeastZero, "a number from 0"],
  huber_delta: [positive, "a number above 0"],
  optimizer: [z.enum(["adam", "adamw", "sgd", "rmsprop"]), "adam, adamw, sgd or rmsprop"],
  weight_decay: [atLeastZero, "a number from 0"],
  gradient_clip: [z.number(), "a number; 0 turns it off"],
  early_stopping: [z.union([z.boolean(), z.record(z.string(), z.unknown())]), "a mapping, true or false"],
  lr_scheduler: [z.union([z.boolean(), z.record(z.string(), z.unknown())]), "a mapping, true or false"],
  class_weights: [z.enum(["balanced", "none"]), "balanced or none"],
  seed: [z.int().min(0).max(0xffff_ffff), "a whole number from 0 to 4294967295"],
};
const EARLY_STOPPING: Keys = {
  enabled: [z.boolean(), "true or false"],
  patience: [wholeFromOne, "a whole number of epochs from 1"],
  min_delta: [atLeastZero, "a number from 0"],
  monitor: [z.enum(["val_loss", "val_accuracy"]), "val_loss or val_accuracy"],
};
const LR_SCHEDULER: Keys = {
  enabled: [z.boolean(), "true or false"],
  type: [z.enum(["step", "exponential", "reduce_on_plateau"]), "step, exponential or reduce_on_plateau"],
  step_size: [wholeFromOne, "a whole number of epochs from 1"],
  gamma: [z.number().positive().max(1), "a number above 0 and up to 1"],
  factor: [z.number().positive().lt(1), "a number between 0 and 1"],
  patience: [z.int().min(0), "a whole number of epochs from 0"],
};
const LABEL_KEYS: Readonly<Record<string, readonly string[]>> = {
  zigzag: ["zigzag_threshold"],
  forward_return: ["horizon"],
  triple_barrier: [
    "pt_multiplier",
    "sl_multiplier",
    "max_holding_period",
    "vol_span",
    "vol_method",
    "compute_weights",
    "cusum_threshold",
    "cusum_multiplier",
  ],
  regime: [
    "macro_atr_mult",
    "micro_atr_mult",
    "atr_period",
    "vol_lookback",
    "vol_crisis_threshold",
    "progression_tolerance",
  ],
  context: ["horizon", "bullish_threshold", "bearish_threshold"],
};

export function checkSections(strategy: NeuralStrategy, findings: Findings): void {
  checkModel(strategy.model, findings);
  checkDecisions(strategy.decisions, findings);
  checkTraining(strategy, findings);
}

/** Checks the given keys; unknown ones are warnings. */
function checkKeys(
  given: Mapping,
  path: readonly string[],
  keys: Keys,
  findings: Findings,
  ignored: Readonly<Record<string, string>> = {},
): void {
  findings.unknownKeys(given, path, Object.keys(keys), ignored);
  for (const [key, [schema, words]] of Object.entries(keys)) {
    const value = given[key];
    if (value === undefined || value === null || schema.safeParse(value).success) continue;
    findings.fault([...path, key], `${key} is ${JSON.stringify(value)?.slice(0, 60)}`, `Give ${words}.`);
  }
}

function mappingOf(given: Mapping, key: string): Mapping {
  const value = given[key];
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Mapping) : {};
}

function checkModel(model: Mapping, findings: Findings): void {
  const section: Section = "model";
  const type = model.type ?? "mlp";
  findings.unknownKeys(model, [section], ["type", "architecture"], {
    training: "epochs and learning_rate stand under training",
    features: "inputs are what nn_inputs lists",
  });
  const architecture = mappingOf(model, "architecture");
  const path = [section, "architecture"];
  checkKeys(architecture, path, ARCHITECTURE, findings, { output_activation: "networks give raw logits" });
  const lacks = (key: string) => architecture[key] === undefined;
  if (type !== "mlp" && type !== "lstm" && type !== "gru") {
    const name = String(type);
    findings.fault([section, "type"], `unknown model "${name}"`, suggestion(name, ["mlp", "lstm", "gru"], "models"));
  } else if (type === "mlp") {
    if (lacks("hidden_layers"))
      findings.fault(path, "an mlp needs hidden_layers", "Add it, such as hidden_layers: [64, 32].", { atKey: true });
    if (!lacks("sequence_length"))
      findings.warn(
        "ignored-setting",
        [...path, "sequence_length"],
        "sequence_length does nothing in an mlp",
        "Remove it, or write type: lstm.",
      );
  } else {
    if (lacks("sequence_length"))
      findings.fault(path, `an ${type} needs sequence_length`, "Add it, such as sequence_length: 20.", {
        atKey: true,
      });
    if (!lacks("hidden_layers"))
      findings.fault(
        [...path, "hidden_layers"],
        `an ${type} has no hidden_layers`,
        "Give hidden_size and num_layers instead.",
        { atKey: true },
      );
  }
}

function checkDecisions(decisions: Mapping, findings: Findings): void {
  const section: Section = "decisions";
  const none = "nothing reads it";
  checkKeys(decisions, [section], DECISIONS, findings, {
    num_classes: "the labels decide it",
    orchestrator: none,
    risk_management: none,
  });
  checkKeys(mappingOf(decisions, "filters"), [section, "filters"], FILTERS, findings, {
    volume_filter: none,
    momentum_filter: none,
  });
  const costs = mappingOf(decisions, "cost_model");
  checkKeys(costs, [section, "cost_model"], COST_MODEL, findings);
  if (decisions.output_format !== "regression") return;
  for (const key of Object.keys(COST_MODEL)) {
    if (costs[key] === undefined)
      findings.fault(
        [section, "cost_model"],
        `regression needs ${key}`,
        "Add cost_model: { round_trip_cost: 0.003, min_edge_multiplier: 1.5 }.",
      );
  }
  if (decisions.confidence_threshold !== undefined)
    findings.warn(
      "ignored-setting",
      [section, "confidence_threshold"],
      "confidence_threshold does nothing in a regression",
      "Remove it: the edge over the costs decides.",
    );
}

function checkTraining({ training, decisions }: NeuralStrategy, findings: Findings): void {
  const section: Section = "training";
  checkKeys(training, [section], TRAINING, findings, {
    validation_split: "data_split says how the rows are divided",
  });
  checkSplit(mappingOf(training, "data_split"), findings);
  checkKeys(mappingOf(training, "early_stopping"), [section, "early_stopping"], EARLY_STOPPING, findings);
  checkScheduler(mappingOf(training, "lr_scheduler"), findings);
  checkLabels(mappingOf(training, "labels"), findings);
  const { loss } = training;
  const isRegression =
    decisions.output_format === "regression" || mappingOf(training, "labels").source === "forward_return";
  if (typeof loss === "string") checkLoss(loss, isRegression, findings);
}

const CLASS_LOSSES = ["cross_entropy", "focal"];
const VALUE_LOSSES = ["huber", "mse"];

function checkLoss(loss: string, isRegression: boolean, findings: Findings): void {
  const fitting = isRegression ? VALUE_LOSSES : CLASS_LOSSES;
  if (fitting.includes(loss)) return;
  const isKnown = CLASS_LOSSES.includes(loss) || VALUE_LOSSES.includes(loss);
  const message = isKnown
    ? `the loss ${loss} is for ${isRegression ? "classes, and the labels are returns" : "returns, and the labels are classes"}`
    : `unknown loss "${loss}"`;
  const known = isRegression ? VALUE_LOSSES : [...CLASS_LOSSES, ...VALUE_LOSSES];
  const cure = isKnown ? `Write one of ${fitting.join(", ")}.` : suggestion(loss, known, "losses");
  findings.fault(["training", "loss"], message, cure);
}

function checkScheduler(scheduler: Mapping, findings: Findings): void {
  const path = ["training", "lr_scheduler"];
  checkKeys(scheduler, path, LR_SCHEDULER, findings);
  if (Object.keys(scheduler).length === 0 || scheduler.enabled === false || scheduler.type !== undefined) return;
  findings.fault(path, "lr_scheduler has no type", "Add it, such as type: reduce_on_plateau.", { atKey: true });
}

function checkSplit(split: Mapping, findings: Findings): void {
  const path = ["training", "data_split"];
  checkKeys(split, path, DATA_SPLIT, findings);
  const parts = Object.keys(DATA_SPLIT).map((key) => split[key]);
  const sum = parts.reduce<number>((total, part) => total + (typeof part === "number" ? part : 0), 0);
  const isWhole = parts.every((part) => typeof part === "number");
  if (sum > 1 + 1e-9 || (isWhole && sum < 1 - 1e-9))
    findings.fault(path, `the parts of data_split sum to ${Number(sum.toPrecision(6))}`, "Make them sum to 1.", {
      atKey: true,
    });
}

function checkLabels(labels: Mapping, findings: Findings): void {
  const path = ["training", "labels"];
  const source = labels.source ?? "zigzag";
  const names = Object.keys(LABEL_KEYS);
  if (typeof source !== "string" || !names.includes(source)) {
    const written = String(source);
    findings.fault([...path, "source"], `unknown labels "${written}"`, suggestion(written, names, "labels"));
    return;
  }
  findings.unknownKeys(labels, path, ["source", ...LABEL_KEYS[source]], {
    label_lookahead: "a leg ends at its extreme, whenever that is known",
  });
  for (const key of LABEL_KEYS[source]) checkLabel(key, labels[key], [...path, key], findings);
}

function checkLabel(key: string, value: unknown, path: readonly string[], findings: Findings): void {
  if (value === undefined) return;
  const isText = key === "vol_method";
  if (isText && typeof value === "string" && value !== "atr" && value !== "close")
    findings.warn("ignored-setting", path, `vol_method "${value.slice(0, 60)}" means close`, "Write atr or close.");
  const isSwitch = key === "compute_weights";
  const isCount = /horizon|period|span|lookback/.test(key);
  const fits = isText
    ? typeof value === "string"
    : isSwitch
      ? typeof value === "boolean"
      : typeof value === "number" && Number.isFinite(value) && (!isCount || (Number.isInteger(value) && value > 0));
  if (fits) return;
  const words = isText ? "a text" : isSwitch ? "true or false" : isCount ? "a whole number above 0" : "a number";
  findings.fault(path, `${key} is ${JSON.stringify(value)?.slice(0, 60)}`, `Give ${words}.`);
}
