/** Each kind of strategy behind one door: checked first, run on bars afterwards. */
import type { BacktestSpec } from "../../protocol/operations.ts";
import type { BarColumns } from "../market-data/bars.ts";
import { compileRules } from "../strategy/index.ts";
import { type BarsDone, runBacktest } from "./engine.ts";
import type { FinishedRun } from "./run-details.ts";
import { parametersOf } from "./script-indicators.ts";
import { loadScript, withPlaces } from "./script-source.ts";
import { runScript } from "./script-strategy.ts";

export interface PreparedStrategy {
  /** Every parameter with the value in force. */
  readonly parameters: Readonly<Record<string, number>>;
  /** `onBars` is called with 0 once signals are there, and then now and then. */
  run(bars: BarColumns, onBars: BarsDone): FinishedRun;
}

/**
 * @param onLog takes what a script prints
 * @throws Problem `invalid-strategy` for what is wrong with it on any bars
 */
export function prepareStrategy(spec: BacktestSpec, onLog?: (line: string) => void): PreparedStrategy {
  const { strategy, settings, parameters } = spec;
  if (strategy.kind === "script") {
    const script = loadScript(strategy, onLog === undefined ? {} : { onLog });
    return {
      parameters: parametersOf(script, parameters),
      run: (bars, onBars) => withPlaces(strategy, () => runScript(bars, script, settings, parameters, onBars)),
    };
  }
  const compiled = compileRules(strategy, parameters);
  return {
    parameters: { ...compiled.parameters },
    run(bars, onBars) {
      const signals = compiled.signals(bars);
      onBars(0);
      const result = runBacktest(bars, signals, settings, onBars);
      const openLots = result.openPosition === null ? [] : [result.openPosition];
      return { ...result, warmupBars: signals.warmupBars, openLots, signals };
    },
  };
}
