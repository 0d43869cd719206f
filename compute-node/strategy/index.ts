/** Strategies: from a YAML file to signals, or to the features of a network. */
export { type CompiledRules, compileRules, SignalScratch } from "./compile-rules.ts";
export { SCHEMA_KINDS, type SchemaKind, strategySchema } from "./json-schema.ts";
export { closedBars } from "./neural/align.ts";
export { type ContextDataset, contextDatasets, contextSeries } from "./neural/context-data.ts";
export {
  type Decision,
  type DecisionSettings,
  decide,
  decisionSettings,
  type HoldReason,
  type OutputType,
  type Position,
  type Signal,
} from "./neural/decide.ts";
export {
  type BarsByTimeframe,
  type ContextSeries,
  computeFeatures,
  computeFeaturesOfSymbols,
  type FeatureMatrix,
  type FeatureOptions,
  featureIndicators,
  type IndicatorSeries,
  seriesKnownAt,
} from "./neural/features.ts";
export type { NeuralFeature } from "./neural/inputs.ts";
export { type Migration, migrateStrategy } from "./neural/migrate.ts";
export { type NeuralSignals, neuralSignals } from "./neural/neural-signals.ts";
export { type ResolvedNeural, resolveNeural } from "./neural/resolve.ts";
export { type NamedSeries, ruleSeries } from "./rule-series.ts";
export type { ProtectiveLevel, StrategySignals } from "./signals.ts";
export { parseRuleStrategyFile, parseStrategyFile, type Strategy } from "./strategy-file.ts";
export { type StrategyWarning, type ValidationOptions, validateStrategy } from "./validate-strategy.ts";
