/** Compiles a rule strategy into signals over bars. */
import type { RuleStrategy } from "../../protocol/strategy-rules.ts";
import type { BarColumns } from "../market-data/bars.ts";
import { compileLoop } from "./generated-loop.ts";
import type { Lowered } from "./lower-expression.ts";
import { resolveStrategy } from "./resolve-strategy.ts";
import type { StrategySignals } from "./signals.ts";
import { throwFaults } from "./strategy-faults.ts";
import { originOf } from "./validate-strategy.ts";

export interface CompiledRules {
  /** Every strategy parameter with the value in force: its default, or the override. */
  readonly parameters: Readonly<Record<string, number>>;
  /**
   * Pure; allocates its columns, and nothing per bar. Works for any number of rows, 0 included. The bars up to and
   * including `warmupBars` have no signal; each later one depends on no bar after it.
   */
  signals(bars: BarColumns): StrategySignals;
}

/** Throws a `Problem` (`invalid-strategy`) that lists every fault, unknown or out-of-range overrides included. */
export function compileRules(strategy: RuleStrategy, overrides: Readonly<Record<string, number>> = {}): CompiledRules {
  const resolved = resolveStrategy(strategy, overrides);
  if (resolved.faults.length > 0) throwFaults(resolved.faults, originOf(strategy));
  const { plan, parameters, entries, exits, sizeFraction, stopLoss, takeProfit } = resolved;
  const rules = [entries.long, exits.long, entries.short, exits.short];
  const present = rules.filter((rule) => rule !== null);
  const warmupBars = Math.max(0, ...present.map((rule) => rule.firstIndex));
  const loop = compileLoop(present.map(signalCode));
  const values = parameters.names.map((name) => parameters.values[name]);
  const constants = { reverse: strategy.reverse, sizeFraction, stopLoss, takeProfit };
  return {
    parameters: parameters.values,
    signals(bars) {
      const columns = rules.map(() => new Uint8Array(bars.rows));
      const outputs = columns.filter((_, index) => rules[index] !== null);
      loop(plan.run(bars, values), warmupBars + 1, outputs);
      const [entryLong, exitLong, entryShort, exitShort] = columns;
      return { warmupBars, entryLong, exitLong, entryShort, exitShort, ...constants };
    },
  };
}

function signalCode(rule: Lowered): string {
  return `${rule.code(0)} ? 1 : 0`;
}
