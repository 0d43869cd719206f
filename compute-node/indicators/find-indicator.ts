import type { IndicatorDeclaration, IndicatorParameters } from "./declaration.ts";
import { INDICATORS, NEURAL_INDICATORS } from "./table.ts";

/** Case, underscores and a trailing "indicator" never matter: `BollingerBands` is `bollinger_bands`. */
function normalised(name: string): string {
  return name
    .toLowerCase()
    .replace(/[_\s-]/g, "")
    .replace(/indicator$/, "");
}

function namesOf(table: readonly IndicatorDeclaration[]): Map<string, IndicatorDeclaration> {
  return new Map(
    table.flatMap((declaration) =>
      [declaration.name, ...declaration.aliases].map((name) => [normalised(name), declaration] as const),
    ),
  );
}

const byName = namesOf(INDICATORS);
const byNeuralName = namesOf(NEURAL_INDICATORS);

/** By name or alias. */
export function findIndicator(name: string): IndicatorDeclaration | undefined {
  return byName.get(normalised(name));
}

/** As `findIndicator`, for a neural strategy: with its own arithmetic where that differs. */
export function findNeuralIndicator(name: string): IndicatorDeclaration | undefined {
  return byNeuralName.get(normalised(name)) ?? byName.get(normalised(name));
}

interface ParameterFault {
  /** The parameter at fault; absent when several contradict each other. */
  readonly parameter?: string;
  readonly message: string;
  readonly cure: string;
}

/** Lists the faults of a full set of parameter values; empty when `computeIndicator` may take them. */
export function faultsOfParameters(declaration: IndicatorDeclaration, values: IndicatorParameters): ParameterFault[] {
  const faults: ParameterFault[] = [];
  for (const { name, min, max, integer } of declaration.parameters) {
    const value = values[name];
    const kind = integer ? "a whole number" : "a number";
    if (value >= min && value <= max && (!integer || Number.isInteger(value))) continue;
    const message =
      integer && !Number.isInteger(value)
        ? `${name} of ${declaration.name} is ${value}, and must be ${kind}`
        : `${name} of ${declaration.name} is ${value}, outside ${min} to ${max}`;
    faults.push({ parameter: name, message, cure: `Give ${kind} from ${min} to ${max}.` });
  }
  const conflict = faults.length === 0 ? (declaration.conflict?.(values) ?? null) : null;
  if (conflict !== null) faults.push({ message: `${declaration.name}: ${conflict}`, cure: "Change one of the two." });
  return faults;
}
