/** Resolves a neural strategy: checks everything, and gathers every fault and warning. */
import type { NeuralStrategy } from "../../../protocol/strategy-neural.ts";
import type { StrategyFault } from "../strategy-faults.ts";
import { checkContextUse, checkDeployment, contextSources } from "./context.ts";
import { Findings, type NeuralWarning } from "./findings.ts";
import { type ResolvedFuzzySet, resolveFuzzySets } from "./fuzzy-sets.ts";
import { type ResolvedIndicator, resolveIndicators } from "./indicators.ts";
import { type NeuralFeature, resolveInputs } from "./inputs.ts";
import { checkSections } from "./sections.ts";
import { resolveTrainingData, type TrainingChoice } from "./training-data.ts";

export interface ResolvedNeural extends TrainingChoice {
  readonly faults: readonly StrategyFault[];
  readonly warnings: readonly NeuralWarning[];
  readonly indicators: ReadonlyMap<string, ResolvedIndicator>;
  readonly fuzzySets: ReadonlyMap<string, ResolvedFuzzySet>;
  /** In the order in which a model takes them. */
  readonly features: readonly NeuralFeature[];
}

const KEYS = [
  "kind",
  "name",
  "description",
  "version",
  "training_data",
  "context_data",
  "deployment",
  "indicators",
  "fuzzy_sets",
  "nn_inputs",
  "model",
  "decisions",
  "training",
];

/** Never throws on a strategy of the right shape: look at `faults` before using the rest. */
export function resolveNeural(strategy: NeuralStrategy): ResolvedNeural {
  const findings = new Findings();
  findings.unknownKeys(strategy, [], KEYS);
  checkVersion(strategy, findings);
  const choice = resolveTrainingData(strategy, findings);
  const sources = contextSources(strategy, findings);
  const indicators = resolveIndicators(strategy, sources, findings);
  const fuzzySets = resolveFuzzySets(strategy, indicators, findings);
  const features = resolveInputs(strategy, choice.timeframes, indicators, fuzzySets, findings);
  checkUse(strategy, indicators, findings);
  checkDeployment(strategy, findings);
  checkSections(strategy, findings);
  return { ...choice, faults: findings.faults, warnings: findings.warnings, indicators, fuzzySets, features };
}

function checkVersion({ version }: NeuralStrategy, findings: Findings): void {
  const cure = 'Write version: "3.0".';
  if (typeof version === "number")
    findings.warn("version-number", ["version"], `version is the number ${version}, not a text`, cure);
  if (!/^3(\.|$)/.test(String(version)))
    findings.fault(["version"], `version is ${version}, and this is the shape of 3`, cure);
}

function checkUse(
  strategy: NeuralStrategy,
  indicators: ReadonlyMap<string, ResolvedIndicator>,
  findings: Findings,
): void {
  const idOf = (reference: string) => reference.split(".", 1)[0];
  const sets = new Set(strategy.nn_inputs.map((input) => input.fuzzy_set));
  const used = new Set([
    ...Object.values(strategy.fuzzy_sets).map((set) => idOf(String(set.indicator))),
    ...strategy.nn_inputs.flatMap(({ raw_indicator: raw }) => (raw === undefined ? [] : [idOf(raw)])),
  ]);
  const cure = "Use it under nn_inputs, or remove it.";
  for (const id of Object.keys(strategy.indicators))
    if (!used.has(id)) findings.warn("unused-indicator", ["indicators", id], `indicator "${id}" is not used`, cure);
  for (const id of Object.keys(strategy.fuzzy_sets))
    if (!sets.has(id)) findings.warn("unused-fuzzy-set", ["fuzzy_sets", id], `fuzzy set "${id}" is not used`, cure);
  const read = new Set([...indicators.values()].flatMap(({ dataSource }) => dataSource ?? []));
  checkContextUse(strategy, read, findings);
}
