/** Each kind of strategy behind one door: checked first, run on bars afterwards. */
import type { BacktestSettings, BacktestSpec } from "../../protocol/operations/index.ts";
import type { BarColumns } from "../market-data/bars.ts";
import { compileRules } from "../strategy/index.ts";
import type { StrategySignals } from "../strategy/signals.ts";
import type { RunCheckpoints } from "./engine/checkpoint.ts";
import { runBacktest } from "./engine/engine.ts";
import type { BarsDone, EngineResult } from "./engine/engine-result.ts";
import { ResumableBacktest } from "./engine/resumable-backtest.ts";
import { parametersOf } from "./script/indicators.ts";
import { loadScript, withPlaces } from "./script/source.ts";
import { runScript, ScriptRun } from "./script/strategy.ts";
import type { FinishedRun } from "./statistics/finished-run.ts";

interface PreparedStrategy {
  /** Every parameter with the value in force. */
  readonly parameters: Readonly<Record<string, number>>;
  /**
   * `onBars` is called with 0 once signals are there, and then now and then.
   *
   * @throws Problem as `decodeCheckpoint` for a checkpoint that is not of this run
   */
  run(bars: BarColumns, onBars: BarsDone, checkpoints?: NamedCheckpoints): FinishedRun;
}

interface NamedCheckpoints extends RunCheckpoints {
  /** Names the inputs of the run: specification, data, engine. */
  readonly inputs: string;
}

/**
 * @param onLog takes each line that a script prints
 * @throws Problem `invalid-strategy` for faults that do not depend on the bars
 */
export function prepareStrategy(spec: BacktestSpec, onLog?: (line: string) => void): PreparedStrategy {
  const { strategy, settings, parameters } = spec;
  if (strategy.kind === "script") {
    const script = loadScript(strategy, onLog === undefined ? {} : { onLog });
    return {
      parameters: parametersOf(script, parameters),
      run: (bars, onBars, checkpoints) =>
        withPlaces(strategy, () => {
          // A script without a declared state has nowhere to keep what it remembers: it begins anew.
          if (checkpoints === undefined || script.state === undefined)
            return runScript(bars, script, settings, parameters, onBars);
          const { from, inputs } = checkpoints;
          const run =
            from === null
              ? new ScriptRun(bars, script, settings, parameters)
              : ScriptRun.resume(bars, script, settings, parameters, from, inputs);
          run.advance(bars.rows, saving(run, onBars, checkpoints));
          return run.finish(onBars);
        }),
    };
  }
  const compiled = compileRules(strategy, parameters, settings.crosses);
  return {
    parameters: { ...compiled.parameters },
    run(bars, onBars, checkpoints) {
      const signals = compiled.signals(bars);
      onBars(0);
      const result = runSignals(bars, signals, settings, onBars, checkpoints);
      const openLots = result.openPosition === null ? [] : [result.openPosition];
      return { ...result, warmupBars: signals.warmupBars, openLots, signals };
    },
  };
}

function runSignals(
  bars: BarColumns,
  signals: StrategySignals,
  settings: BacktestSettings,
  onBars: BarsDone,
  checkpoints: NamedCheckpoints | undefined,
): EngineResult {
  if (checkpoints === undefined) return runBacktest(bars, signals, settings, onBars);
  const { from, inputs } = checkpoints;
  const run =
    from === null
      ? new ResumableBacktest(bars, signals, settings)
      : ResumableBacktest.resume(bars, signals, settings, from, inputs);
  run.advance(bars.rows, saving(run, onBars, checkpoints));
  return run.finish(onBars);
}

/** Saves first, so that a run that must stop has kept its work. */
function saving(
  run: Pick<ResumableBacktest, "checkpoint">,
  onBars: BarsDone,
  { inputs, isDue, save }: NamedCheckpoints,
): BarsDone {
  return (bars) => {
    if (isDue()) save(run.checkpoint(inputs));
    onBars(bars);
  };
}
