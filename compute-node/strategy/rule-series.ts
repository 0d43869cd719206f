/** Every series that a rule strategy computes on its way to the signals, by name: for the look-ahead audit. */
import type { RuleStrategy } from "../../protocol/strategy-rules.ts";
import { INPUT_COLUMNS } from "../indicators/index.ts";
import type { BarColumns } from "../market-data/bars.ts";
import { resolveStrategy } from "./resolve-strategy.ts";
import type { ColumnId } from "./series-plan.ts";
import { throwFaults } from "./strategy-faults.ts";
import { originOf } from "./validate-strategy.ts";

export interface NamedSeries {
  /** `series` for a value of longer bars or of an expression. */
  readonly kind: "indicator" | "series";
  /** Its name in the strategy, such as `sma_fast` or `macd_1.signal`; otherwise a description. */
  readonly name: string;
  readonly values: Float64Array;
}

/**
 * Each indicator of the strategy, used or not, each value of longer bars and each expression that is a column of its
 * own. Throws as `compileRules`.
 */
export function ruleSeries(
  strategy: RuleStrategy,
  overrides: Readonly<Record<string, number>> = {},
): (bars: BarColumns) => NamedSeries[] {
  const { plan, indicators, parameters, faults } = resolveStrategy(strategy, overrides);
  if (faults.length > 0) throwFaults(faults, originOf(strategy));
  const names = new Map<ColumnId, string>();
  for (const reference of indicators.outputNames()) {
    const [name, output = null] = reference.split(".");
    const column = indicators.column(name, output);
    if (column !== null) names.set(column.id, reference);
  }
  const labels = plan.labels();
  const longer = plan.longerColumns();
  const values = parameters.names.map((name) => parameters.values[name]);
  return (bars) => {
    const { columns } = plan.run(bars, values);
    return labels.flatMap((label, id): NamedSeries[] => {
      if (id < INPUT_COLUMNS.length) return [];
      const kind = names.has(id) || !(longer.has(id) || label.includes("[")) ? "indicator" : "series";
      return [{ kind, name: names.get(id) ?? label, values: columns[id] }];
    });
  };
}
