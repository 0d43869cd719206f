/** The indicators of a neural strategy, checked. */
import type { NeuralIndicator, NeuralStrategy } from "../../../protocol/strategy-neural.ts";
import {
  faultsOfParameters,
  findNeuralIndicator,
  INDICATORS,
  type IndicatorDeclaration,
  type IndicatorParameter,
  NEURAL_INDICATORS,
  PRICE_COLUMNS,
  type PriceColumn,
} from "../../indicators/index.ts";
import { suggestion } from "../closest-name.ts";
import type { Findings } from "./findings.ts";

export interface ResolvedIndicator {
  readonly id: string;
  readonly declaration: IndicatorDeclaration;
  readonly parameters: Readonly<Record<string, number>>;
  /** Read instead of the declaration's first input; null for that input. */
  readonly source: PriceColumn | null;
  /** A context series read instead of the traded symbol; null for the symbol. */
  readonly dataSource: string | null;
}

/** Indicators without faults, by id. `contextSources` are the ids that `data_source` may name. */
export function resolveIndicators(
  strategy: NeuralStrategy,
  contextSources: readonly string[],
  findings: Findings,
): ReadonlyMap<string, ResolvedIndicator> {
  const resolved = new Map<string, ResolvedIndicator>();
  for (const [id, given] of Object.entries(strategy.indicators)) {
    const indicator = resolveIndicator(id, given, findings);
    if (indicator === null) continue;
    if (indicator.dataSource !== null && !contextSources.includes(indicator.dataSource)) {
      const message = `data_source "${indicator.dataSource}" is no context series of this strategy`;
      const cure = suggestion(indicator.dataSource, contextSources, "context series");
      findings.fault(["indicators", id, "data_source"], message, cure);
    }
    resolved.set(id, indicator);
  }
  return resolved;
}

/** `id`, or `id.output` (cut at the first dot) → the indicator's id and the output, null for the bare id. */
function splitReference(reference: string): { id: string; output: string | null } {
  const dot = reference.indexOf(".");
  return dot < 0 ? { id: reference, output: null } : { id: reference.slice(0, dot), output: reference.slice(dot + 1) };
}

/** The index of the output that a reference names: the first for a bare id. Null with a fault where there is none. */
export function outputOf(
  reference: string,
  strategy: NeuralStrategy,
  indicators: ReadonlyMap<string, ResolvedIndicator>,
  path: readonly string[],
  findings: Findings,
): { indicator: ResolvedIndicator; index: number } | null {
  const { id, output } = splitReference(reference);
  if (!Object.hasOwn(strategy.indicators, id))
    return findings.fault(
      path,
      `unknown indicator "${id}"`,
      suggestion(id, Object.keys(strategy.indicators), "indicators of this strategy"),
    );
  const indicator = indicators.get(id);
  if (indicator === undefined) return null;
  const names = indicator.declaration.outputs.map(({ name }) => name);
  if (output === null) return { indicator, index: 0 };
  if (names.length === 1)
    return findings.fault(path, `"${id}" has one output, and "${reference}" names one`, `Write "${id}".`);
  const index = names.indexOf(output);
  if (index >= 0) return { indicator, index };
  return findings.fault(
    path,
    `"${id}" (${indicator.declaration.name}) has no output "${output}"`,
    suggestion(output, names, "outputs"),
  );
}

function resolveIndicator(id: string, given: NeuralIndicator, findings: Findings): ResolvedIndicator | null {
  const { type, source, data_source: dataSource, ...rest } = given;
  const path = ["indicators", id];
  const declaration = findNeuralIndicator(type);
  if (declaration === undefined) {
    const names = [...new Set([...INDICATORS, ...NEURAL_INDICATORS].map(({ name }) => name))].sort();
    return findings.fault([...path, "type"], `unknown indicator "${type}"`, suggestion(type, names, "indicators"));
  }
  const before = findings.faults.length;
  const parameters = parametersOf(declaration, rest, path, findings);
  const price = sourceOf(declaration, source, path, findings);
  if (findings.faults.length > before) return null;
  for (const { parameter, message, cure } of faultsOfParameters(declaration, parameters))
    findings.fault(parameter === undefined ? path : [...path, parameter], message, cure);
  if (findings.faults.length > before) return null;
  return { id, declaration, parameters, source: price, dataSource: dataSource ?? null };
}

function parametersOf(
  declaration: IndicatorDeclaration,
  given: Readonly<Record<string, unknown>>,
  path: readonly string[],
  findings: Findings,
): Record<string, number> {
  const values = Object.fromEntries(declaration.parameters.map((p) => [p.name, p.default]));
  for (const [key, written] of Object.entries(given)) {
    const here = [...path, key];
    const parameter = declaration.parameters.find(({ name }) => name === key);
    if (parameter === undefined) {
      const names = [...Object.keys(values), ...(declaration.takesSource ? ["source"] : []), "data_source"];
      const message = `${declaration.name} has no parameter "${key}": it does nothing, and the standard values hold`;
      const cure = suggestion(key, names, `parameters of ${declaration.name}`);
      findings.warn("ignored-parameter", here, message, cure);
      continue;
    }
    if (parameter.ignored !== undefined)
      findings.warn("ignored-parameter", here, `${key} does nothing: ${parameter.ignored}`, "Remove it.");
    const value = numberOf(parameter, written);
    if (value !== null) values[key] = value;
    else findings.fault(here, `${key} is ${shown(written)}`, cureOf(parameter));
  }
  return values;
}

/** The parameter as the kernel takes it; null where it cannot be that. */
function numberOf(parameter: IndicatorParameter, written: unknown): number | null {
  if (parameter.choices === undefined) return typeof written === "number" ? written : null;
  const wanted = typeof written === "string" ? written.toLowerCase() : written;
  const index = parameter.choices.findIndex(
    (choice) => (typeof choice === "string" ? choice.toLowerCase() : choice) === wanted,
  );
  return index < 0 ? null : index;
}

function cureOf({ choices, integer, min, max }: IndicatorParameter): string {
  if (choices !== undefined) return `Give one of ${choices.map(String).join(", ")}.`;
  return `Give a ${integer ? "whole number" : "number"} from ${min} to ${max}, without quotes.`;
}

function sourceOf(
  declaration: IndicatorDeclaration,
  source: unknown,
  path: readonly string[],
  findings: Findings,
): PriceColumn | null {
  const here = [...path, "source"];
  if (source === undefined) return null;
  if (!declaration.takesSource) {
    const message = `${declaration.name} takes no source: it reads ${declaration.inputs.join(", ")}`;
    findings.warn("ignored-parameter", here, message, "Remove it.");
    return null;
  }
  const price = PRICE_COLUMNS.find((column) => column === source);
  if (price !== undefined) return price;
  const cure = typeof source === "string" ? suggestion(source, PRICE_COLUMNS, "sources") : "Give a price column.";
  return findings.fault(here, `the source is ${shown(source)}`, cure);
}

function shown(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 60) ?? "nothing";
}
