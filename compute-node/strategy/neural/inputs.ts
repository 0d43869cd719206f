/** The features of a neural strategy. A model depends on their names and order. */
import type { NeuralInput, NeuralStrategy } from "../../../protocol/strategy-neural.ts";
import type { MembershipFunction } from "../../fuzzy/index.ts";
import { suggestion } from "../closest-name.ts";
import type { Findings } from "./findings.ts";
import type { ResolvedFuzzySet } from "./fuzzy-sets.ts";
import { outputOf, type ResolvedIndicator } from "./indicators.ts";

export interface NeuralFeature {
  /** Such as `1h_rsi_momentum_oversold`, or `5m_macd_12_26_9.line_raw`. */
  readonly name: string;
  readonly timeframe: string;
  /** `__raw__` for an indicator's own value. */
  readonly fuzzySet: string;
  /** `raw` for an indicator's own value. */
  readonly membership: string;
  readonly indicator: ResolvedIndicator;
  /** Index among the indicator's outputs. */
  readonly output: number;
  /** Null for an indicator's own value. */
  readonly fn: MembershipFunction | null;
  readonly normalization: "minmax" | "zscore" | "none";
}

/** For each input in order, for each of its timeframes, for each membership in order. */
export function resolveInputs(
  strategy: NeuralStrategy,
  timeframes: readonly string[],
  indicators: ReadonlyMap<string, ResolvedIndicator>,
  fuzzySets: ReadonlyMap<string, ResolvedFuzzySet>,
  findings: Findings,
): NeuralFeature[] {
  const features = strategy.nn_inputs.flatMap((input, k) => {
    const path = ["nn_inputs", String(k)];
    findings.unknownKeys(input, path, ["fuzzy_set", "raw_indicator", "timeframes", "normalization"]);
    const chosen = timeframesOf(input, timeframes, path, findings);
    const make = featuresOf(input, strategy, indicators, fuzzySets, path, findings);
    return chosen.flatMap((timeframe) => make.map((feature) => named(feature, timeframe)));
  });
  return withoutRepeats(features, findings);
}

type Unnamed = Omit<NeuralFeature, "name" | "timeframe"> & { readonly reference: string };

function named({ reference, ...feature }: Unnamed, timeframe: string): NeuralFeature {
  const name =
    feature.fn === null ? `${timeframe}_${reference}_raw` : `${timeframe}_${reference}_${feature.membership}`;
  return { ...feature, name, timeframe };
}

function featuresOf(
  input: NeuralInput,
  strategy: NeuralStrategy,
  indicators: ReadonlyMap<string, ResolvedIndicator>,
  fuzzySets: ReadonlyMap<string, ResolvedFuzzySet>,
  path: readonly string[],
  findings: Findings,
): Unnamed[] {
  const { fuzzy_set: set, raw_indicator: raw, normalization } = input;
  if ((set === undefined) === (raw === undefined)) {
    const message = set === undefined ? "an input names nothing" : "an input names both fuzzy_set and raw_indicator";
    findings.fault(path, message, "Give exactly one of fuzzy_set and raw_indicator.");
    return [];
  }
  if (raw !== undefined) {
    const found = outputOf(raw, strategy, indicators, [...path, "raw_indicator"], findings);
    if (found === null) return [];
    const { indicator, index } = found;
    const kind = { fuzzySet: "__raw__", membership: "raw", fn: null, normalization: normalization ?? "none" } as const;
    return [{ reference: raw, indicator, output: index, ...kind }];
  }
  const id = set ?? "";
  if (normalization !== undefined)
    findings.fault([...path, "normalization"], "normalization goes with raw_indicator alone", "Remove it.", {
      atKey: true,
    });
  if (!Object.hasOwn(strategy.fuzzy_sets, id)) {
    const cure = suggestion(id, Object.keys(strategy.fuzzy_sets), "fuzzy sets");
    findings.fault([...path, "fuzzy_set"], `unknown fuzzy set "${id}"`, cure);
    return [];
  }
  const fuzzySet = fuzzySets.get(id);
  if (fuzzySet === undefined) return [];
  const { indicator, output, memberships } = fuzzySet;
  return memberships.map(({ name, fn }) => ({
    reference: id,
    fuzzySet: id,
    membership: name,
    indicator,
    output,
    fn,
    normalization: "none",
  }));
}

/** `all`: those of the training data in the order of the file. */
function timeframesOf(
  { timeframes: given }: NeuralInput,
  timeframes: readonly string[],
  path: readonly string[],
  findings: Findings,
): readonly string[] {
  const here = [...path, "timeframes"];
  if (given === "all") return timeframes;
  if (typeof given === "string")
    findings.warn("timeframes-text", here, `timeframes is the text "${given}"`, `Write [${given}], or all.`);
  const list = typeof given === "string" ? [given] : given;
  return list.filter((name, k) => {
    if (timeframes.includes(name)) return true;
    const place = typeof given === "string" ? here : [...here, String(k)];
    const cure = suggestion(name, timeframes, "timeframes of the training data");
    findings.fault(place, `timeframe "${name}" is not in the training data`, cure);
    return false;
  });
}

/** A feature that an earlier input gave already would be a column twice. */
function withoutRepeats(features: readonly NeuralFeature[], findings: Findings): NeuralFeature[] {
  const seen = new Set<string>();
  const repeated = new Set<string>();
  const kept = features.filter(({ name }) => {
    if (seen.has(name)) repeated.add(name);
    const isNew = !seen.has(name);
    seen.add(name);
    return isNew;
  });
  if (repeated.size > 0) {
    const message = `${repeated.size} features stand here twice: ${[...repeated].slice(0, 5).join(", ")}`;
    findings.warn("duplicate-input", ["nn_inputs"], message, "Remove the second input: each is one column.");
  }
  return kept;
}
