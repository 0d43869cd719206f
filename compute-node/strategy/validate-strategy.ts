/** Checks what a strategy means, without data. */
import { Problem, type ProblemIssue } from "../../protocol/problem.ts";
import type { RuleStrategy } from "../../protocol/strategy-rules.ts";

/** Something that the author should know and that stops nothing. */
export interface StrategyWarning extends ProblemIssue {
  readonly code: "unused-indicator" | "unused-parameter" | "exit-without-entry";
  /** What to do about it, as an imperative sentence. */
  readonly cure: string;
}

/** Throws a `Problem` (`invalid-strategy`) with every fault in its issues. */
export function validateStrategy(strategy: RuleStrategy, _file?: string): StrategyWarning[] {
  throw new Problem("internal", `validateStrategy is not there yet (${strategy.name})`);
}
