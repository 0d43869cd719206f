/** Strategies: from a YAML file to signals, or to the features of a network. */
export { type CompiledRules, compileRules, SignalScratch } from "./compile-rules.ts";
export type { ProtectiveLevel, StrategySignals } from "./signals.ts";
export { parseRuleStrategyFile, parseStrategyFile, type Strategy } from "./strategy-file.ts";
export { type StrategyWarning, type ValidationOptions, validateStrategy } from "./validate-strategy.ts";
