/** Compiles a rule strategy into signals over bars. */
import { Problem } from "../../protocol/problem.ts";
import type { RuleStrategy } from "../../protocol/strategy-rules.ts";
import type { BarColumns } from "../market-data/bars.ts";
import type { StrategySignals } from "./signals.ts";

export interface CompiledRules {
  /** Every strategy parameter with the value in force: its default, or the override. */
  readonly parameters: Readonly<Record<string, number>>;
  /** Pure; allocates a few columns a call and nothing per bar. Works for any number of rows, 0 included. */
  signals(bars: BarColumns): StrategySignals;
}

/** Throws a `Problem` (`invalid-strategy`) that lists every fault, unknown or out-of-range overrides included. */
export function compileRules(strategy: RuleStrategy, _overrides: Readonly<Record<string, number>> = {}): CompiledRules {
  throw new Problem("internal", `compileRules is not there yet (${strategy.name})`);
}
