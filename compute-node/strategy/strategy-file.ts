/** Reads a strategy file. */
import { Problem } from "../../protocol/problem.ts";
import type { RuleStrategy } from "../../protocol/strategy-rules.ts";

/** YAML text → checked shape. Throws a `Problem` (`invalid-strategy`) whose issues carry file, line, column and path. */
export function parseStrategyFile(_text: string, file: string): RuleStrategy {
  throw new Problem("internal", `parseStrategyFile is not there yet (${file})`);
}
