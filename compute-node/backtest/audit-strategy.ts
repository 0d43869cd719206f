/** What the audit looks at in each kind of strategy. */
import type { BacktestSettings, BacktestSpec } from "../../protocol/operations.ts";
import { type BarColumns, barsBetween, sliceBars } from "../market-data/bars.ts";
import { type CompiledRules, compileRules } from "../strategy/index.ts";
import { type AuditedColumn, type AuditReport, audit } from "./audit.ts";
import type { ParameterDeclarations, ScriptStrategy } from "./script-api.ts";
import { loadScript, withPlaces } from "./script-source.ts";
import { runScript } from "./script-strategy.ts";

/** The strategy of a specification over the bars of its range; `bars` is the whole dataset. */
export function auditBacktest(spec: BacktestSpec, bars: BarColumns): AuditReport {
  const tested = sliceBars(bars, spec.data.startMs, spec.data.endMs);
  const { strategy, parameters, settings } = spec;
  if (strategy.kind === "rules") return auditRules(compileRules(strategy, parameters), tested);
  return withPlaces(strategy, "The strategy failed", () =>
    auditScript(tested, () => loadScript(strategy), settings, parameters),
  );
}

/** The four signals of compiled rules. */
export function auditRules(compiled: Pick<CompiledRules, "signals">, bars: BarColumns): AuditReport {
  return audit(bars.rows, (rows) => {
    const signals = compiled.signals(barsBetween(bars, 0, rows));
    const column = (name: "entryLong" | "exitLong" | "entryShort" | "exitShort"): AuditedColumn => {
      return { kind: "signal", name, values: signals[name] };
    };
    return [column("entryLong"), column("exitLong"), column("entryShort"), column("exitShort")];
  });
}

/**
 * What a script does: its orders and the account at each bar, which any decision that changes also changes. The end of
 * the data closes nothing here, since a shorter run ends earlier.
 *
 * @param strategyOf makes the strategy for one run, so that what it keeps in variables does not reach the next
 */
export function auditScript<P extends ParameterDeclarations, N extends string>(
  bars: BarColumns,
  strategyOf: () => ScriptStrategy<P, N>,
  settings: BacktestSettings,
  overrides: Readonly<Record<string, number>> = {},
): AuditReport {
  const open = { ...settings, finalizeTrades: false };
  return audit(bars.rows, (rows) => {
    const cut = barsBetween(bars, 0, rows);
    const orders = new Float64Array(rows);
    const strategy = strategyOf();
    const watched: ScriptStrategy<P, N> = {
      ...strategy,
      onBar(context) {
        strategy.onBar(context);
        const { bar, orders: waiting } = context;
        orders[bar] = waiting.length === 0 ? 0 : waiting[waiting.length - 1].id * waiting[waiting.length - 1].side;
      },
    };
    const { equity } = runScript(cut, watched, open, overrides);
    return [
      { kind: "signal", name: "orders", values: orders },
      { kind: "equity", name: "equity", values: equity },
    ];
  });
}
