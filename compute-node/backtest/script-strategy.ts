/** Runs strategies in TypeScript (`script-api.ts` says what they are) on the event engine. */
import type { BacktestSettings } from "../../protocol/operations.ts";
import { Problem } from "../../protocol/problem.ts";
import { type StrategyParameter, strategyParameter } from "../../protocol/strategy-rules.ts";
import {
  computeIndicator,
  faultsOfParameters,
  findIndicator,
  type IndicatorDeclaration,
  type IndicatorParameters,
} from "../indicators/index.ts";
import type { BarColumns } from "../market-data/bars.ts";
import { suggestion } from "../strategy/closest-name.ts";
import { Broker, type BrokerState } from "./broker.ts";
import { decodeCheckpoint, encodeCheckpoint } from "./checkpoint.ts";
import type { BarsDone } from "./engine.ts";
import type { FinishedRun } from "./run-details.ts";
import type { AnyScript, IndicatorChoice, ParameterDeclarations, ScriptContext, ScriptStrategy } from "./script-api.ts";
import { Clock, RunContext } from "./script-context.ts";

const PROGRESS_BARS = 65_536;

/**
 * Runs the strategy over the bars.
 *
 * @param overrides values of declared parameters
 * @throws Problem `invalid-strategy` for an unknown parameter, indicator or output, for an order without sense, and for
 *   a look beyond the present bar; what `onBar` itself throws is wrapped, with the bar
 */
export function runScript<Parameters extends ParameterDeclarations, Names extends string, State>(
  bars: BarColumns,
  strategy: ScriptStrategy<Parameters, Names, State>,
  settings: BacktestSettings,
  overrides: Readonly<Record<string, number>> = {},
  onProgress?: BarsDone,
): FinishedRun {
  const run = new ScriptRun(bars, strategy as unknown as AnyScript, settings, overrides);
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
  ) {
    const parameters = parametersOf(strategy, overrides);
    this.bars = bars;
    this.strategy = strategy;
    this.settings = settings;
    this.broker = new Broker(bars, settings, strategy.options);
    const { columns, warmupBars } = indicatorColumns(bars, indicatorsOf(strategy, parameters));
    this.warmupBars = warmupBars;
    this.context = new RunContext(parameters, strategy.state?.(parameters), bars, columns, this.broker, this.clock);
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
    const first = this.warmupBars + 1;
    while (this.bar < end && !broker.isRuined) {
      const { bar } = this;
      clock.bar = bar;
      this.bar = bar + 1;
      if (bar < first) {
        broker.skip(bar);
        continue;
      }
      broker.process(bar);
      if (broker.isRuined) return;
      decide(strategy, context, bar);
      if (onProgress !== undefined && bar % PROGRESS_BARS === 0) onProgress(bar);
    }
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
    const { trades, equity, cash, lots, log: orders } = broker;
    const [oldest] = lots;
    const openPosition =
      oldest === undefined ? null : { size: broker.size, entryBar: oldest.entryBar, entryPrice: oldest.entryPrice };
    const openLots = lots.map(({ size, entryBar, entryPrice }) => ({ size, entryBar, entryPrice }));
    const { refusals } = broker.warnings;
    const warnings = broker.warnings.list(this.settings);
    return { trades, orders, equity, cash, openPosition, openLots, refusals, warnings, warmupBars, signals: null };
  }
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

/** With the bar, also where the engine refused what the script asked for. The cause is what was thrown. */
function failedAt({ bar, timeMs }: ScriptContext, cause: unknown): Problem {
  const message = typeof cause === "object" && cause !== null && "message" in cause ? cause.message : cause;
  const time = new Date(timeMs).toISOString().replace(/(T00:00:00)?\.000Z$/, "");
  return new Problem("invalid-strategy", `onBar failed at bar ${bar} (${time}): ${String(message)}`, {
    cure: (cause instanceof Problem ? cause.cure : undefined) ?? "Correct the strategy; bars are counted from 0.",
    cause,
  });
}

function isPromise(value: unknown): boolean {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

/**
 * Every parameter with the value in force.
 *
 * @throws Problem `invalid-strategy` for a parameter that is not declared, that is no number, or outside its range
 */
export function parametersOf(
  strategy: Pick<AnyScript, "parameters">,
  overrides: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  const declared = strategy.parameters ?? {};
  const unknown = Object.keys(overrides).find((name) => !Object.hasOwn(declared, name));
  if (unknown !== undefined) {
    throw new Problem("invalid-strategy", `The strategy has no parameter "${unknown}".`, {
      cure: suggestion(unknown, Object.keys(declared), "parameters"),
    });
  }
  const values = Object.entries(declared).map(([name, declaration]): [string, number] => {
    const parsed = strategyParameter.safeParse(declaration);
    if (!parsed.success) {
      throw new Problem("invalid-strategy", `Parameter ${name} is declared as no number.`, {
        cure: "Give its default, or { default, min, max, step, description }.",
      });
    }
    const value = Object.hasOwn(overrides, name) ? overrides[name] : defaultOf(parsed.data);
    checkRange(name, parsed.data, value);
    return [name, value];
  });
  return Object.freeze(Object.fromEntries(values));
}

function defaultOf(parameter: StrategyParameter): number {
  return typeof parameter === "number" ? parameter : parameter.default;
}

function checkRange(name: string, declared: StrategyParameter, value: number): void {
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } =
    typeof declared === "number" ? {} : declared;
  if (Number.isFinite(value) && value >= min && value <= max) return;
  throw new Problem("invalid-strategy", `Parameter ${name} is ${value}, outside its range.`, {
    cure: `Give a number from ${min} to ${max}.`,
  });
}

interface ChosenIndicator {
  readonly key: string;
  readonly declaration: IndicatorDeclaration;
  readonly values: IndicatorParameters;
  /** Which of the declaration's outputs. */
  readonly output: number;
}

/**
 * The indicators that a strategy asks for.
 *
 * @throws Problem `invalid-strategy` for an unknown type, parameter or output, and for a parameter out of its range
 */
export function indicatorsOf(
  strategy: Pick<AnyScript, "indicators">,
  parameters: Readonly<Record<string, number>>,
): ChosenIndicator[] {
  return Object.entries(strategy.indicators?.(parameters) ?? {}).map(([key, choice]) => chosen(key, choice));
}

function chosen(key: string, [name, given = {}, output]: IndicatorChoice): ChosenIndicator {
  const declaration = findIndicator(name);
  if (declaration === undefined) {
    throw new Problem("invalid-strategy", `Indicator "${key}" has the unknown type "${name}".`, {
      cure: "docs/reference/indicators.md lists the types.",
    });
  }
  const defaults = Object.fromEntries(declaration.parameters.map((parameter) => [parameter.name, parameter.default]));
  const unknown = Object.keys(given).find((parameter) => !Object.hasOwn(defaults, parameter));
  if (unknown !== undefined) {
    throw new Problem("invalid-strategy", `${name} has no parameter "${unknown}".`, {
      cure: suggestion(unknown, Object.keys(defaults), "parameters"),
    });
  }
  const values = { ...defaults, ...given };
  const [fault] = faultsOfParameters(declaration, values);
  if (fault !== undefined) throw new Problem("invalid-strategy", fault.message, { cure: fault.cure });
  const names = declaration.outputs.map((candidate) => candidate.name);
  const index = output === undefined ? 0 : names.indexOf(output);
  if (index < 0) {
    throw new Problem("invalid-strategy", `${name} has no output "${output}".`, {
      cure: suggestion(String(output), names, "outputs"),
    });
  }
  return { key, declaration, values, output: index };
}

/** Each of them over the bars, by its name in the strategy; decisions begin after `warmupBars`. */
export function indicatorColumns(bars: BarColumns, indicators: readonly ChosenIndicator[]) {
  const columns: Record<string, Float64Array> = {};
  let warmupBars = 0;
  for (const { key, declaration, values, output } of indicators) {
    const outputs = declaration.outputs.map(() => new Float64Array(bars.rows));
    const inputs = declaration.inputs.map((input) => bars[input]);
    computeIndicator(declaration, inputs, values, outputs);
    columns[key] = outputs[output];
    warmupBars = Math.max(warmupBars, declaration.outputs[output].firstIndex(values));
  }
  return { columns, warmupBars };
}
