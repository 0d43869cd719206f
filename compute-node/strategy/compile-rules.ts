/** Compiles a rule strategy into signals over bars. */
import type { Conventions } from "../../protocol/conventions.ts";
import type { RuleStrategy } from "../../protocol/strategy-rules.ts";
import type { BarColumns } from "../market-data/bars.ts";
import { compileLoop, type LoopInputs } from "./generated-loop.ts";
import { compileFilteredLoop, deferredMeans, filteredInputs } from "./mean-comparisons.ts";
import { resolveStrategy } from "./resolve-strategy.ts";
import type { ColumnId, SeriesPlan } from "./series-plan.ts";
import type { StrategySignals } from "./signals.ts";
import { throwFaults } from "./strategy-faults.ts";
import { originOf } from "./validate-strategy.ts";

export interface CompiledRules {
  /** Every strategy parameter with the value in force: its default, or the override. */
  readonly parameters: Readonly<Record<string, number>>;
  /** From the `portfolio` section: the fraction of equity that an entry uses (null for an equal slot), and the most. */
  readonly weight: number | null;
  readonly maxWeight: number;
  /**
   * Pure; allocates its columns, and nothing per bar. Works for any number of rows, 0 included. The bars up to and
   * including `warmupBars` have no signal; each later one depends on no bar after it.
   *
   * With `scratch` the columns live in memory that the next call with it writes over.
   */
  signals(bars: BarColumns, scratch?: SignalScratch): StrategySignals;
}

/** Memory of signal columns, used again from run to run. */
export class SignalScratch {
  #columns: Uint8Array[] = [];

  /** Four columns of `rows` bytes, which are not cleared. */
  take(rows: number): Uint8Array[] {
    if (this.#columns.length === 0 || this.#columns[0].length < rows) {
      this.#columns = [0, 1, 2, 3].map(() => new Uint8Array(rows));
    }
    return this.#columns.map((column) => (column.length === rows ? column : column.subarray(0, rows)));
  }
}

/**
 * @param crosses how "crosses above" and "crosses below" are read; pass the settings' convention
 * @throws Problem (`invalid-strategy`) that lists every fault, unknown or out-of-range overrides included
 */
export function compileRules(
  strategy: RuleStrategy,
  overrides: Readonly<Record<string, number>> = {},
  crosses: Conventions["crosses"] = "touching",
): CompiledRules {
  const resolved = resolveStrategy(strategy, overrides, crosses);
  if (resolved.faults.length > 0) throwFaults(resolved.faults, originOf(strategy));
  const { plan, parameters, entries, exits, sizeFraction, sizing, stopLoss, takeProfit, portfolio } = resolved;
  const rules = [entries.long, exits.long, entries.short, exits.short];
  const present = rules.filter((rule) => rule !== null);
  const measured = sizing?.kind === "volatility" ? sizing.window : 0;
  const leastWarmup = Math.max(measured, ...present.map((rule) => rule.firstIndex));
  const codes = present.map((rule) => rule.code(0));
  const { rank, weight, maxWeight } = portfolio;
  // A rank reads the averages themselves, not only which is higher.
  const means = rank === null ? deferredMeans(codes, plan) : [];
  const rankLoop = rank === null ? null : compileLoop([rank.code(0)]);
  const loop =
    means.length === 0 ? compileLoop(codes.map((code) => `${code} ? 1 : 0`)) : compileFilteredLoop(codes, means);
  const values = parameters.names.map((name) => parameters.values[name]);
  const size = sizing === null ? { sizeFraction } : { sizeFraction, sizing };
  const constants = { reverse: strategy.reverse, ...size, stopLoss, takeProfit };
  return {
    parameters: parameters.values,
    weight,
    maxWeight,
    signals(bars, scratch = new SignalScratch()) {
      const columns = scratch.take(bars.rows);
      const inputs = plan.run(bars, values, means);
      const warmupBars = plan.readsLongerBars ? Math.max(leastWarmup, warmupOf(codes, inputs)) : leastWarmup;
      for (const [index, column] of columns.entries())
        column.fill(0, 0, rules[index] === null ? bars.rows : warmupBars + 1);
      const outputs = columns.filter((_, index) => rules[index] !== null);
      loop(filteredInputs(inputs, means, exactColumns(plan, bars)), warmupBars + 1, outputs);
      const [entryLong, exitLong, entryShort, exitShort] = columns;
      const rankColumn = new Float64Array(rankLoop === null ? 0 : bars.rows).fill(Number.NaN);
      rankLoop?.(inputs, rank?.firstIndex ?? 0, [rankColumn]);
      const ranked = rankLoop === null ? {} : { rank: rankColumn };
      return { warmupBars, entryLong, exitLong, entryShort, exitShort, ...ranked, ...constants };
    },
  };
}

/** The first bar at which everything that the codes read is there; the number of rows where that never happens. */
function warmupOf(codes: readonly string[], { columns, rows }: LoopInputs): number {
  let warmupBars = 0;
  for (const [, id, back] of codes.join(" ").matchAll(/\bc(\d+)\[i(?: - (\d+))?\]/g)) {
    const first = columns[Number(id)]?.findIndex((value) => !Number.isNaN(value)) ?? 0;
    warmupBars = Math.max(warmupBars, first < 0 ? rows : first + Number(back ?? 0));
  }
  return Math.min(warmupBars, rows);
}

/** Each column computed when it is first asked for. */
function exactColumns(plan: SeriesPlan, bars: BarColumns): (column: ColumnId) => Float64Array {
  const known = new Map<ColumnId, Float64Array>();
  return (id) => {
    let column = known.get(id);
    if (column === undefined) {
      column = plan.column(id, bars);
      known.set(id, column);
    }
    return column;
  };
}
