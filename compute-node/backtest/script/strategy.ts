/** Runs strategies in TypeScript (`api.ts` describes them) on the event engine. */
import type { BacktestSettings } from "../../../protocol/operations/index.ts";
import { Problem } from "../../../protocol/problem.ts";
import type { BarColumns } from "../../market-data/bars.ts";
import { Broker, type BrokerState } from "../engine/broker.ts";
import { decodeCheckpoint, encodeCheckpoint } from "../engine/checkpoint.ts";
import type { ColumnScratch } from "../engine/column-scratch.ts";
import type { BarsDone } from "../engine/engine-result.ts";
import type { FinishedRun } from "../statistics/finished-run.ts";
import type { AnyScript, ParameterDeclarations, ScriptContext, ScriptStrategy } from "./api.ts";
import { Clock, RunContext } from "./context.ts";
import { callScript, messageOf } from "./fault.ts";
import { indicatorColumns, indicatorsOf, parametersOf } from "./indicators.ts";

const PROGRESS_BARS = 65_536;

/**
 * Runs the strategy over the bars.
 *
 * @param overrides values of declared parameters
 * @param scratch memory of the indicators, for many runs one after the other
 * @throws Problem `invalid-strategy` for an unknown parameter, indicator or output, for an order without sense, and for
 *   a look beyond the present bar; errors of `onBar` itself are wrapped, with the bar
 */
export function runScript<Parameters extends ParameterDeclarations, Names extends string, State>(
  bars: BarColumns,
  strategy: ScriptStrategy<Parameters, Names, State>,
  settings: BacktestSettings,
  overrides: Readonly<Record<string, number>> = {},
  onProgress?: BarsDone,
  scratch?: ColumnScratch,
): FinishedRun {
  const run = new ScriptRun(bars, strategy as unknown as AnyScript, settings, overrides, scratch);
  run.advance(bars.rows, onProgress);
  return run.finish(onProgress);
}

interface KeptScript {
  readonly bar: number;
  readonly broker: BrokerState;
  /** The strategy's own. */
  readonly state: unknown;
}

/** One run of a script, which can stop between any two bars and go on elsewhere, with the same bits. */
export class ScriptRun {
  private readonly bars: BarColumns;
  private readonly strategy: AnyScript;
  private readonly settings: BacktestSettings;
  private readonly broker: Broker;
  private readonly clock = new Clock();
  private readonly context: RunContext;
  private readonly warmupBars: number;
  /** The next bar to process. */
  private bar = 0;

  /** @throws Problem as `runScript` */
  constructor(
    bars: BarColumns,
    strategy: AnyScript,
    settings: BacktestSettings,
    overrides: Readonly<Record<string, number>> = {},
    scratch?: ColumnScratch,
  ) {
    const parameters = parametersOf(strategy, overrides);
    this.bars = bars;
    this.strategy = strategy;
    this.settings = settings;
    this.broker = new Broker(bars, settings, strategy.options);
    const { columns, warmupBars } = indicatorColumns(bars, indicatorsOf(strategy, parameters), scratch);
    this.warmupBars = warmupBars;
    this.context = new RunContext(parameters, stateOf(strategy, parameters), bars, columns, this.broker, this.clock);
  }

  /**
   * The run as it stood at `checkpoint`, with the same bars, strategy, settings and overrides; `inputs` names them.
   *
   * @throws Problem as `decodeCheckpoint`
   */
  static resume(
    bars: BarColumns,
    strategy: AnyScript,
    settings: BacktestSettings,
    overrides: Readonly<Record<string, number>>,
    checkpoint: Uint8Array,
    inputs: string,
  ): ScriptRun {
    const kept = decodeCheckpoint(checkpoint, "script", inputs) as KeptScript;
    const run = new ScriptRun(bars, strategy, settings, overrides);
    run.bar = kept.bar;
    run.broker.restore(kept.broker);
    run.context.state = kept.state;
    return run;
  }

  /** Processes the bars before `untilBar` that are not done yet. */
  advance(untilBar: number, onProgress?: BarsDone): void {
    const { broker, clock, context, strategy } = this;
    const end = Math.min(untilBar, this.bars.rows);
    const first = Math.min(this.warmupBars + 1, end);
    for (; this.bar < first; this.bar++) broker.skip(this.bar);
    let { bar } = this;
    while (bar < end && !broker.isRuined) {
      clock.bar = bar;
      broker.process(bar);
      if (!broker.isRuined) decide(strategy, context, bar);
      bar++;
      if (onProgress === undefined || bar % PROGRESS_BARS !== 0) continue;
      this.bar = bar;
      onProgress(bar);
    }
    this.bar = bar;
  }

  checkpoint(inputs: string): Uint8Array {
    const kept: KeptScript = { bar: this.bar, broker: this.broker.state(), state: this.context.state };
    return encodeCheckpoint("script", inputs, kept);
  }

  /** After the last bar. */
  finish(onProgress?: BarsDone): FinishedRun {
    const { bars, broker, warmupBars } = this;
    if (warmupBars + 1 < bars.rows) broker.finish();
    else broker.warnings.neverDecided = 1;
    onProgress?.(bars.rows);
    const { trades, equity, cash, lots, log: orders, conventions } = broker;
    const [oldest] = lots;
    const openPosition =
      oldest === undefined ? null : { size: broker.size, entryBar: oldest.entryBar, entryPrice: oldest.entryPrice };
    const openLots = lots.map(({ size, entryBar, entryPrice }) => ({ size, entryBar, entryPrice }));
    const { refusals } = broker.warnings;
    const warnings = broker.warnings.list(this.settings);
    const ended = { trades, orders, equity, cash, conventions, openPosition, refusals, warnings };
    return { ...ended, openLots, warmupBars, signals: null };
  }
}

function stateOf(strategy: AnyScript, parameters: Readonly<Record<string, number>>): unknown {
  return callScript(
    () => "The strategy's state cannot be made",
    () => strategy.state?.(parameters),
  );
}

function decide(strategy: AnyScript, context: ScriptContext, bar: number): void {
  let answer: unknown;
  try {
    answer = strategy.onBar(context);
  } catch (cause) {
    throw failedAt(context, cause);
  }
  if (answer !== undefined && isPromise(answer)) {
    throw new Problem("invalid-strategy", `onBar at bar ${bar} answers with a promise, which no run waits for.`, {
      cure: "Take `async` away: everything that a strategy sees is there at once.",
    });
  }
}

/** Adds the bar to an error, also where the engine refused an order. The cause is the thrown value. */
function failedAt({ bar, timeMs }: ScriptContext, cause: unknown): Problem {
  const time = new Date(timeMs).toISOString().replace(/(T00:00:00)?\.000Z$/, "");
  return new Problem("invalid-strategy", `onBar failed at bar ${bar} (${time}): ${messageOf(cause)}`, {
    cure: (cause instanceof Problem ? cause.cure : undefined) ?? "Correct the strategy; bars are counted from 0.",
    cause,
  });
}

function isPromise(value: unknown): boolean {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
