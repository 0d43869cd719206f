/** Checks the meaning of a strategy, without data. */
import type { ProblemIssue } from "../../protocol/problem.ts";
import type { NeuralStrategy } from "../../protocol/strategy-neural.ts";
import type { RuleStrategy } from "../../protocol/strategy-rules.ts";
import type { NeuralWarningCode } from "./neural/findings.ts";
import { resolveNeural } from "./neural/resolve.ts";
import { type ResolvedStrategy, resolveStrategy, SIDES, type Side } from "./resolve-strategy.ts";
import { positionsOf } from "./source-positions.ts";
import { issueOf, type StrategyFault, type StrategyOrigin, throwFaults } from "./strategy-faults.ts";

type StrategyWarningCode =
  | "unused-indicator"
  | "unused-parameter"
  | "exit-without-entry"
  | "entry-without-exit"
  | NeuralWarningCode;

/** Something that the author should know and that stops nothing. */
export interface StrategyWarning extends ProblemIssue {
  readonly code: StrategyWarningCode;
  /** An imperative sentence; `message` ends with it too. */
  readonly cure: string;
}

export interface ValidationOptions {
  /** The file's name in messages; by default the one that it was parsed with. */
  readonly file?: string;
  /** Takes every warning as a fault. */
  readonly strict?: boolean;
}

/**
 * Warnings, in the order of the file. Throws a `Problem` (`invalid-strategy`) with every fault in its issues; they carry
 * lines and columns when the strategy came from `parseStrategyFile`.
 */
export function validateStrategy(
  strategy: RuleStrategy | NeuralStrategy,
  { file, strict = false }: ValidationOptions = {},
): StrategyWarning[] {
  const origin = originOf(strategy, file);
  const { faults, warnings } = strategy.kind === "rules" ? findingsOfRules(strategy) : resolveNeural(strategy);
  const stopping = strict ? [...faults, ...warnings] : faults;
  if (stopping.length > 0) throwFaults(stopping, origin);
  return warnings.map(({ code, ...fault }) => ({ code, cure: fault.cure, ...issueOf(fault, origin) })).sort(byPlace);
}

function byPlace(a: ProblemIssue, b: ProblemIssue): number {
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}

function findingsOfRules(strategy: RuleStrategy): { faults: readonly StrategyFault[]; warnings: readonly Warning[] } {
  const resolved = resolveStrategy(strategy, {});
  if (resolved.faults.length > 0) return { faults: resolved.faults, warnings: [] };
  return {
    faults: [],
    warnings: [...unusedThings(resolved), ...SIDES.flatMap((side) => sideWarnings(strategy, side))],
  };
}

export function originOf(strategy: RuleStrategy | NeuralStrategy, file?: string): StrategyOrigin {
  const positions = positionsOf(strategy);
  return { name: strategy.name, file: file ?? positions?.file, positions };
}

type Warning = StrategyFault & { readonly code: StrategyWarningCode };

function unusedThings({ indicators, parameters }: ResolvedStrategy): Warning[] {
  const cure = "Use it in a rule, or remove it.";
  const warning = (code: StrategyWarningCode, kind: string, key: string) => (name: string) => ({
    code,
    message: `${kind} "${name}" is not used`,
    cure,
    path: [key, name],
    atKey: true,
  });
  return [
    ...parameters.names
      .filter((name) => !parameters.used.has(name))
      .map(warning("unused-parameter", "parameter", "parameters")),
    ...indicators.names
      .filter((name) => !indicators.used.has(name))
      .map(warning("unused-indicator", "indicator", "indicators")),
  ];
}

function sideWarnings(strategy: RuleStrategy, side: Side): Warning[] {
  const other = side === "long" ? "short" : "long";
  const enters = strategy.entries[side] !== undefined;
  const exits = strategy.exits[side] !== undefined;
  if (exits && !enters) {
    const message = `there is an exit for ${side} positions, and no entry`;
    const cure = `Remove it, or add entries.${side}.`;
    return [{ code: "exit-without-entry", message, cure, path: ["exits", side], atKey: true }];
  }
  const reverses = strategy.reverse && strategy.entries[other] !== undefined;
  const protectedBy = strategy.stop_loss ?? strategy.take_profit;
  const rotates = strategy.portfolio?.rebalance?.select === "ranked";
  if (!enters || exits || reverses || rotates || protectedBy !== undefined) return [];
  const message = `nothing ever closes a ${side} position before the data ends`;
  const cure = `Add exits.${side}, a stop_loss, a take_profit, or reverse with an entry for ${other}.`;
  return [{ code: "entry-without-exit", message, cure, path: ["entries", side], atKey: true }];
}
