/** Checks what a strategy means, without data. */
import type { ProblemIssue } from "../../protocol/problem.ts";
import type { RuleStrategy } from "../../protocol/strategy-rules.ts";
import { type ResolvedStrategy, resolveStrategy, SIDES, type Side } from "./resolve-strategy.ts";
import { positionsOf } from "./source-positions.ts";
import { issueOf, type StrategyFault, type StrategyOrigin, throwFaults } from "./strategy-faults.ts";

export type StrategyWarningCode = "unused-indicator" | "unused-parameter" | "exit-without-entry" | "entry-without-exit";

/** Something that the author should know and that stops nothing. */
export interface StrategyWarning extends ProblemIssue {
  readonly code: StrategyWarningCode;
  /** An imperative sentence; `message` ends with it too. */
  readonly cure: string;
}

/**
 * Warnings, in the order of the file. Throws a `Problem` (`invalid-strategy`) with every fault in its issues; they carry
 * lines and columns when the strategy came from `parseStrategyFile`, and `file` (by default the name given there).
 */
export function validateStrategy(strategy: RuleStrategy, file?: string): StrategyWarning[] {
  const origin = originOf(strategy, file);
  const resolved = resolveStrategy(strategy, {});
  if (resolved.faults.length > 0) throwFaults(resolved.faults, origin);
  return [...unusedThings(resolved), ...SIDES.flatMap((side) => sideWarnings(strategy, side))].map(
    ({ code, ...fault }) => ({ code, cure: fault.cure, ...issueOf(fault, origin) }),
  );
}

export function originOf(strategy: RuleStrategy, file?: string): StrategyOrigin {
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
  if (!enters || exits || reverses || protectedBy !== undefined) return [];
  const message = `nothing ever closes a ${side} position before the data ends`;
  const cure = `Add exits.${side}, a stop_loss, a take_profit, or reverse with an entry for ${other}.`;
  return [{ code: "entry-without-exit", message, cure, path: ["entries", side], atKey: true }];
}
