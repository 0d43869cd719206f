import type { RuleStrategy, StrategyParameter } from "../../protocol/strategy-rules.ts";
import { suggestion } from "./closest-name.ts";
import type { StrategyFault } from "./strategy-faults.ts";

/** The values in force, and which of them were asked for. */
export class ParameterValues {
  readonly values: Readonly<Record<string, number>>;
  readonly names: readonly string[];
  readonly used = new Set<string>();

  constructor(values: Readonly<Record<string, number>>) {
    this.values = values;
    this.names = Object.keys(values);
  }

  /** Undefined when there is no such parameter. */
  use(name: string): number | undefined {
    if (!Object.hasOwn(this.values, name)) return undefined;
    this.used.add(name);
    return this.values[name];
  }
}

/** Defaults with the overrides applied; faults of either go to `faults`. */
export function resolveParameters(
  strategy: RuleStrategy,
  overrides: Readonly<Record<string, number>>,
  faults: StrategyFault[],
): ParameterValues {
  const names = Object.keys(strategy.parameters);
  for (const name of Object.keys(overrides)) {
    if (names.includes(name)) continue;
    const cure = suggestion(name, names, "parameters");
    faults.push({ message: `there is no parameter "${name}" to override`, cure, path: ["parameters", name] });
  }
  const values = names.map((name): [string, number] => {
    const declared = strategy.parameters[name];
    const standard = typeof declared === "number" ? declared : declared.default;
    const value = Object.hasOwn(overrides, name) ? overrides[name] : standard;
    faults.push(...rangeFaults(name, declared, value));
    return [name, value];
  });
  return new ParameterValues(Object.fromEntries(values));
}

function rangeFaults(name: string, declared: StrategyParameter, value: number): StrategyFault[] {
  const path = ["parameters", name];
  if (!Number.isFinite(value))
    return [{ message: `parameter ${name} is ${value}`, cure: "Give a finite number.", path }];
  if (typeof declared === "number") return [];
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = declared;
  if (min > max)
    return [{ message: `parameter ${name} has min ${min} above max ${max}`, cure: "Exchange the two.", path }];
  if (value >= min && value <= max) return [];
  const bounds = [Number.isFinite(min) ? `at least ${min}` : "", Number.isFinite(max) ? `at most ${max}` : ""].filter(
    (part) => part !== "",
  );
  return [{ message: `parameter ${name} is ${value}, outside its range`, cure: `Give ${bounds.join(" and ")}.`, path }];
}

interface FractionRange {
  /** Exclusive. */
  readonly above: number;
  readonly max: number;
  readonly maxIncluded: boolean;
}

/** A number, a percentage or a parameter's name → the fraction; null when it is none, with the fault in `faults`. */
export function resolveFraction(
  written: number | string,
  path: readonly string[],
  range: FractionRange,
  parameters: ParameterValues,
  faults: StrategyFault[],
): number | null {
  const name = path.join(".");
  const value = typeof written === "number" ? written : fractionOf(written, parameters);
  if (value === undefined) {
    const cure = `Give a fraction (0.03), a percentage (3%) or a parameter. ${suggestion(String(written), parameters.names, "parameters")}`;
    faults.push({ message: `"${written}" is no fraction and no parameter`, cure, path });
    return null;
  }
  const { above, max, maxIncluded } = range;
  if (value > above && (maxIncluded ? value <= max : value < max)) return value;
  const percent = value >= 1 && value < 100 ? ` For ${value} percent write ${value}%.` : "";
  const cure = `Give a fraction above ${above} and ${maxIncluded ? "at most" : "below"} ${max}.${percent}`;
  faults.push({ message: `${name} is ${value}`, cure, path });
  return null;
}

function fractionOf(written: string, parameters: ParameterValues): number | undefined {
  const percent = /^(\d+(?:\.\d*)?|\.\d+)\s*%$/.exec(written.trim());
  return percent === null ? parameters.use(written.trim()) : Number(percent[1]) / 100;
}
