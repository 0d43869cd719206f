/** Rule strategies: from a YAML file to signals. */
export { type CompiledRules, compileRules, SignalScratch } from "./compile-rules.ts";
export type { ProtectiveLevel, StrategySignals } from "./signals.ts";
export { parseStrategyFile } from "./strategy-file.ts";
export { type StrategyWarning, validateStrategy } from "./validate-strategy.ts";
