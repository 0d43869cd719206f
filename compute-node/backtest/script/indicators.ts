/** Checks a script's declarations: its parameters with the values in force, and its indicators as columns. */
import { Problem } from "../../../protocol/problem.ts";
import { type StrategyParameter, strategyParameter } from "../../../protocol/strategy-rules.ts";
import {
  computeIndicator,
  faultsOfParameters,
  findIndicator,
  INDICATORS,
  type IndicatorDeclaration,
  type IndicatorParameters,
  PRICE_COLUMNS,
  type PriceColumn,
} from "../../indicators/index.ts";
import type { BarColumns } from "../../market-data/bars.ts";
import { closestName, suggestion } from "../../strategy/closest-name.ts";
import { ColumnScratch } from "../engine/column-scratch.ts";
import type { AnyScript } from "./api.ts";
import { callScript } from "./fault.ts";

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
    throw fault(
      `The strategy has no parameter "${unknown}".`,
      suggestion(unknown, Object.keys(declared), "parameters"),
    );
  }
  const values = Object.entries(declared).map(([name, declaration]): [string, number] => {
    const parsed = strategyParameter.safeParse(declaration);
    if (!parsed.success) {
      throw fault(
        `Parameter ${name} is declared as no number.`,
        "Give its default, or { default, min, max, step, description }.",
      );
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
  throw fault(`Parameter ${name} is ${value}, outside its range.`, `Give a number from ${min} to ${max}.`);
}

/** The source that an indicator reads instead of its first input: a price, or an output of an earlier indicator. */
type Source = { readonly price: PriceColumn } | { readonly key: string; readonly output: number };

interface ChosenIndicator {
  /** Its name in the strategy. */
  readonly key: string;
  readonly declaration: IndicatorDeclaration;
  readonly values: IndicatorParameters;
  /** An index into the declaration's outputs. */
  readonly output: number;
  readonly source: Source | null;
}

/**
 * The indicators that a strategy asks for, in the order in which it names them.
 *
 * @throws Problem `invalid-strategy` for an unknown type, parameter, output or source, and for a value out of its range
 */
export function indicatorsOf(
  strategy: Pick<AnyScript, "indicators">,
  parameters: Readonly<Record<string, number>>,
): ChosenIndicator[] {
  const asked: unknown = callScript(
    () => "The strategy's indicators cannot be told",
    () => strategy.indicators?.(parameters) ?? {},
  );
  if (typeof asked !== "object" || asked === null) {
    throw fault(
      "The strategy's indicators answer with no object.",
      'Write ({ fast }) => ({ fast: ["sma", { period: fast }] }).',
    );
  }
  const known = new Map<string, ChosenIndicator>();
  for (const [key, choice] of Object.entries(asked)) known.set(key, chosen(key, choice, known));
  return [...known.values()];
}

function chosen(key: string, choice: unknown, known: ReadonlyMap<string, ChosenIndicator>): ChosenIndicator {
  const [name, written = {}, output] = Array.isArray(choice) ? (choice as unknown[]) : [];
  if (typeof name !== "string" || typeof written !== "object" || written === null) {
    throw fault(`Indicator "${key}" is no choice of one.`, 'Write its type and parameters: ["sma", { period: 20 }].');
  }
  const declaration = findIndicator(name);
  if (declaration === undefined) {
    const closest = closestName(
      name,
      INDICATORS.map((candidate) => candidate.name),
    );
    throw fault(
      `Indicator "${key}" has the unknown type "${name}".`,
      `${closest === null ? "" : `Did you mean "${closest}"? `}docs/reference/indicators.md lists the types.`,
    );
  }
  const { source, ...given } = written as Record<string, unknown>;
  const values = valuesOf(declaration, given);
  const index = outputIndex(declaration, output);
  return { key, declaration, values, output: index, source: sourceOf(key, declaration, source, known) };
}

function valuesOf(declaration: IndicatorDeclaration, given: Readonly<Record<string, unknown>>): IndicatorParameters {
  const values = Object.fromEntries(declaration.parameters.map((parameter) => [parameter.name, parameter.default]));
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(values, name)) {
      const names = [...Object.keys(values), ...(declaration.takesSource ? ["source"] : [])];
      throw fault(`${declaration.name} has no parameter "${name}".`, suggestion(name, names, "parameters"));
    }
    if (typeof value !== "number") {
      throw fault(`Parameter ${name} of ${declaration.name} is ${String(value)}.`, "Give a number.");
    }
    values[name] = value;
  }
  const [found] = faultsOfParameters(declaration, values);
  if (found !== undefined) throw fault(found.message, found.cure);
  return values;
}

function outputIndex(declaration: IndicatorDeclaration, output: unknown): number {
  if (output === undefined) return 0;
  const names = declaration.outputs.map((candidate) => candidate.name);
  const index = names.indexOf(String(output));
  if (index >= 0) return index;
  throw fault(`${declaration.name} has no output "${String(output)}".`, suggestion(String(output), names, "outputs"));
}

function sourceOf(
  key: string,
  declaration: IndicatorDeclaration,
  written: unknown,
  known: ReadonlyMap<string, ChosenIndicator>,
): Source | null {
  if (written === undefined) return null;
  if (!declaration.takesSource) {
    throw fault(`${declaration.name} takes no source: it reads ${declaration.inputs.join(", ")}.`, "Remove it.");
  }
  const [name, output] = String(written).split(".");
  const price = PRICE_COLUMNS.find((column) => column === name);
  if (price !== undefined && output === undefined) return { price };
  const before = known.get(name);
  if (before !== undefined) return { key: name, output: outputIndex(before.declaration, output) };
  throw fault(
    `The source "${String(written)}" of "${key}" is no price and no indicator before it.`,
    suggestion(name, [...PRICE_COLUMNS, ...known.keys()], "sources"),
  );
}

function fault(message: string, cure: string): Problem {
  return new Problem("invalid-strategy", message, { cure });
}

/**
 * Each of them over the bars, by its name in the strategy; decisions begin after `warmupBars`. The columns live in
 * `scratch`, whose next run writes over them.
 */
export function indicatorColumns(
  bars: BarColumns,
  indicators: readonly ChosenIndicator[],
  scratch = new ColumnScratch(),
) {
  scratch.clear();
  const columns: Record<string, Float64Array> = {};
  const computed = new Map<string, { outputs: readonly Float64Array[]; warmups: readonly number[] }>();
  let warmupBars = 0;
  for (const { key, declaration, values, output, source } of indicators) {
    const before = source !== null && "key" in source ? computed.get(source.key) : undefined;
    const read = (input: IndicatorDeclaration["inputs"][number], k: number): Float64Array => {
      if (k > 0 || source === null) return bars[input];
      return "price" in source ? bars[source.price] : (before?.outputs[source.output] ?? bars[input]);
    };
    const outputs = declaration.outputs.map(() => scratch.take(bars.rows));
    computeIndicator(declaration, declaration.inputs.map(read), values, outputs);
    const delay = source !== null && "key" in source ? (before?.warmups[source.output] ?? 0) : 0;
    const warmups = declaration.outputs.map((candidate) => delay + candidate.firstIndex(values));
    computed.set(key, { outputs, warmups });
    columns[key] = outputs[output];
    warmupBars = Math.max(warmupBars, warmups[output]);
  }
  return { columns, warmupBars };
}
