/** Strategies: from a YAML file to signals, or to the features of a network. */
export { type CompiledRules, compileRules, SignalScratch } from "./compile-rules.ts";
export { SCHEMA_KINDS, type SchemaKind, strategySchema } from "./json-schema.ts";
export { type NamedSeries, ruleSeries } from "./rule-series.ts";
export type { ProtectiveLevel, StrategySignals } from "./signals.ts";
export { parseRuleStrategyFile, parseStrategyFile, type Strategy } from "./strategy-file.ts";
export { closedBars } from "./v3/align.ts";
export { type ContextDataset, contextDatasets, contextSeries } from "./v3/context-data.ts";
export {
  type Decision,
  type DecisionSettings,
  decide,
  decisionSettings,
  type HoldReason,
  type OutputType,
  type Position,
  type Signal,
} from "./v3/decide.ts";
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
} from "./v3/features.ts";
export type { V3Feature } from "./v3/inputs.ts";
export { type Migration, migrateStrategy } from "./v3/migrate.ts";
export { type NeuralSignals, neuralSignals } from "./v3/neural-signals.ts";
export { type ResolvedV3, resolveV3 } from "./v3/resolve.ts";
export { type StrategyWarning, type ValidationOptions, validateStrategy } from "./validate-strategy.ts";
