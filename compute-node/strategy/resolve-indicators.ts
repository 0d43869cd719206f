import type { RuleStrategy } from "../../protocol/strategy-rules.ts";
import {
  faultsOfParameters,
  findIndicator,
  INDICATORS,
  type IndicatorDeclaration,
  PRICE_COLUMNS,
  type PriceColumn,
} from "../indicators/index.ts";
import { suggestion } from "./closest-name.ts";
import type { ParameterValues } from "./resolve-parameters.ts";
import type { PlannedColumn, SeriesPlan } from "./series-plan.ts";
import type { StrategyFault } from "./strategy-faults.ts";

/** Words of the condition language, which nothing in a strategy may be called. */
const WORDS = ["and", "or", "not", "crosses", "above", "below"];
const FUNCTIONS = ["abs", "min", "max", "sqrt", "log", "exp", "floor", "ceil", "round", "sign"];
const RESERVED = [...WORDS, ...FUNCTIONS];

/** An indicator that was checked; its columns join the plan when something asks for them. */
interface CheckedIndicator {
  readonly declaration: IndicatorDeclaration;
  readonly parameters: Readonly<Record<string, number>>;
  readonly source: SourceReference | null;
}

type SourceReference = { readonly price: PriceColumn } | { readonly indicator: string; readonly output: string | null };

export class StrategyIndicators {
  readonly used = new Set<string>();
  readonly names: readonly string[];
  private readonly checked = new Map<string, CheckedIndicator>();
  private readonly plan: SeriesPlan;

  /** Checks every indicator, used or not; faults go to `faults`. */
  constructor(strategy: RuleStrategy, parameters: ParameterValues, plan: SeriesPlan, faults: StrategyFault[]) {
    this.plan = plan;
    this.names = Object.keys(strategy.indicators);
    faults.push(...nameFaults(this.names, parameters.names));
    for (const name of this.names) {
      const checked = checkIndicator(name, strategy, parameters, faults);
      if (checked !== null) this.checked.set(name, checked);
    }
    for (const [name, { source }] of this.checked) faults.push(...this.sourceFaults(name, source));
  }

  /** True also for one with faults, so that a rule that names it adds no second fault. */
  has(name: string): boolean {
    return this.names.includes(name);
  }

  /** Undefined for an indicator that has faults. */
  declarationOf(name: string): IndicatorDeclaration | undefined {
    return this.checked.get(name)?.declaration;
  }

  markUsed(name: string): void {
    if (this.used.has(name)) return;
    this.used.add(name);
    const source = this.checked.get(name)?.source;
    if (source != null && "indicator" in source) this.markUsed(source.indicator);
  }

  /** Every way to write one of the outputs: `sma_fast`, `macd_1.signal`. */
  outputNames(): string[] {
    return this.names.flatMap((name) => {
      const outputs = this.declarationOf(name)?.outputs ?? [];
      return outputs.length > 1 ? outputs.map((output) => `${name}.${output.name}`) : [name];
    });
  }

  /** The column of one output in the plan of the bars at hand, or of longer ones; null where faults were found. Call it when all indicators were checked. */
  column(name: string, output: string | null, plan: SeriesPlan = this.plan): PlannedColumn | null {
    const checked = this.checked.get(name);
    if (checked === undefined) return null;
    const { declaration, parameters, source } = checked;
    const inputs = declaration.inputs.map((price, k) =>
      k === 0 && source !== null ? this.sourceColumn(source, plan) : plan.price(price),
    );
    if (inputs.includes(null)) return null;
    const columns = plan.indicator(declaration, parameters, inputs as PlannedColumn[]);
    const index = output === null ? 0 : declaration.outputs.findIndex((candidate) => candidate.name === output);
    return columns[index] ?? null;
  }

  private sourceColumn(source: SourceReference, plan: SeriesPlan): PlannedColumn | null {
    return "price" in source ? plan.price(source.price) : this.column(source.indicator, source.output, plan);
  }

  private sourceFaults(name: string, source: SourceReference | null): StrategyFault[] {
    if (source === null || "price" in source) return [];
    const path = ["indicators", name, "source"];
    const fault = (message: string, cure: string): StrategyFault[] => {
      this.checked.delete(name);
      return [{ message, cure, path }];
    };
    const written = source.output === null ? source.indicator : `${source.indicator}.${source.output}`;
    if (!this.has(source.indicator)) {
      const valid = [...PRICE_COLUMNS, ...this.outputNames()];
      return fault(`the source "${written}" of ${name} is undefined`, suggestion(written, valid, "sources"));
    }
    if (this.reaches(source.indicator, name))
      return fault(`${name} is computed from itself, through "${written}"`, "Give one of them another source.");
    const outputFault = faultOfOutput(this.declarationOf(source.indicator), source.indicator, source.output);
    return outputFault === null ? [] : fault(outputFault.message, outputFault.cure);
  }

  private reaches(from: string, target: string): boolean {
    const visited = new Set<string>();
    for (let current: string | undefined = from; current !== undefined && !visited.has(current); ) {
      if (current === target) return true;
      visited.add(current);
      const source: SourceReference | null | undefined = this.checked.get(current)?.source;
      current = source != null && "indicator" in source ? source.indicator : undefined;
    }
    return false;
  }
}

/** Says what is wrong with naming `output` (null: none) of an indicator; null when it is right. */
export function faultOfOutput(
  declaration: IndicatorDeclaration | undefined,
  name: string,
  output: string | null,
): { message: string; cure: string } | null {
  if (declaration === undefined) return null;
  const outputs = declaration.outputs.map((candidate) => candidate.name);
  if (output === null) {
    if (outputs.length === 1) return null;
    const ways = outputs.map((candidate) => `${name}.${candidate}`).join(", ");
    return { message: `"${name}" has ${outputs.length} outputs`, cure: `Name one of them: ${ways}.` };
  }
  if (outputs.includes(output)) return null;
  const cure = outputs.length === 1 ? `Write "${name}".` : suggestion(output, outputs, "outputs");
  return { message: `"${name}" has no output "${output}"`, cure };
}

function nameFaults(indicators: readonly string[], parameters: readonly string[]): StrategyFault[] {
  const taken = [...PRICE_COLUMNS, ...RESERVED];
  const cure = "Give it another name.";
  const reserved = [...indicators.map((n) => ["indicators", n]), ...parameters.map((n) => ["parameters", n])]
    .filter(([, name]) => taken.includes(name))
    .map((path) => ({ message: `"${path[1]}" already means something in conditions`, cure, path, atKey: true }));
  const twice = indicators
    .filter((name) => parameters.includes(name))
    .map((name) => ({ message: `"${name}" is a parameter too`, cure, path: ["indicators", name], atKey: true }));
  return [...reserved, ...twice];
}

function checkIndicator(
  name: string,
  strategy: RuleStrategy,
  parameters: ParameterValues,
  faults: StrategyFault[],
): CheckedIndicator | null {
  const { type, source, ...given } = strategy.indicators[name];
  const path = ["indicators", name];
  const declaration = findIndicator(type);
  if (declaration === undefined) {
    const names = INDICATORS.map((indicator) => indicator.name).sort();
    faults.push({
      message: `unknown indicator "${type}"`,
      cure: suggestion(type, names, "indicators"),
      path: [...path, "type"],
    });
    return null;
  }
  const found: StrategyFault[] = [];
  const values = parameterValues(declaration, given, path, parameters, found);
  const reference = source === undefined ? null : sourceReference(declaration, source, path, found);
  if (found.length === 0)
    for (const { parameter, ...fault } of faultsOfParameters(declaration, values))
      found.push({ ...fault, path: parameter === undefined ? path : [...path, parameter] });
  faults.push(...found);
  return found.length === 0 ? { declaration, parameters: values, source: reference } : null;
}

function parameterValues(
  declaration: IndicatorDeclaration,
  given: Readonly<Record<string, unknown>>,
  path: readonly string[],
  parameters: ParameterValues,
  faults: StrategyFault[],
): Record<string, number> {
  const values = Object.fromEntries(declaration.parameters.map((p) => [p.name, p.default]));
  for (const [key, written] of Object.entries(given)) {
    const here = [...path, key];
    const value = typeof written === "string" ? parameters.use(written) : written;
    if (!Object.hasOwn(values, key)) {
      const names = [...Object.keys(values), ...(declaration.takesSource ? ["source"] : [])];
      const cure = suggestion(key, names, `parameters of ${declaration.name}`);
      faults.push({ message: `${declaration.name} has no parameter "${key}"`, cure, path: here, atKey: true });
    } else if (typeof value === "number") {
      values[key] = value;
    } else if (typeof written === "string") {
      const cure = `Give a number, or the name of a parameter. ${suggestion(written, parameters.names, "parameters")}`;
      faults.push({ message: `${key} is "${written}", and there is no such parameter`, cure, path: here });
    } else {
      const message = `${key} is ${JSON.stringify(written)?.slice(0, 60)}, and must be a number`;
      faults.push({ message, cure: "Give a number, or the name of a parameter.", path: here });
    }
  }
  return values;
}

function sourceReference(
  declaration: IndicatorDeclaration,
  written: unknown,
  path: readonly string[],
  faults: StrategyFault[],
): SourceReference | null {
  const here = [...path, "source"];
  if (!declaration.takesSource) {
    const message = `${declaration.name} takes no source: it reads ${declaration.inputs.join(", ")}`;
    faults.push({ message, cure: "Remove it.", path: here, atKey: true });
    return null;
  }
  const match = typeof written === "string" ? /^([a-z0-9_]+)(?:\.([a-z0-9_]+))?$/.exec(written) : null;
  if (match === null) {
    const cure = 'Give a price such as "high", or an indicator such as "rsi_14" or "macd_1.signal".';
    faults.push({ message: `source is ${JSON.stringify(written)?.slice(0, 60)}`, cure, path: here });
    return null;
  }
  const price = PRICE_COLUMNS.find((column) => column === match[1]);
  if (price !== undefined && match[2] === undefined) return { price };
  return { indicator: match[1], output: match[2] ?? null };
}
