/** A strategy from a file, read and checked. */
import { readFile } from "node:fs/promises";
import {
  parseRuleStrategyFile,
  parseStrategyFile,
  type Strategy,
  type StrategyWarning,
  validateStrategy,
} from "../compute-node/strategy/index.ts";
import { Problem } from "../protocol/problem.ts";
import type { RuleStrategy } from "../protocol/strategy-rules.ts";

/** Rules. Throws a `Problem` with every fault: the file's place, its syntax, its meaning. */
export async function loadStrategy(file: string): Promise<{ strategy: RuleStrategy; warnings: StrategyWarning[] }> {
  const strategy = parseRuleStrategyFile(await readStrategyText(file), file);
  return { strategy, warnings: validateStrategy(strategy, { file }) };
}

/** A strategy of either kind; with `strict`, every warning is a fault. Throws as `loadStrategy`. */
export async function loadAnyStrategy(
  file: string,
  strict = false,
): Promise<{ strategy: Strategy; warnings: StrategyWarning[] }> {
  const strategy = parseStrategyFile(await readStrategyText(file), file);
  return { strategy, warnings: validateStrategy(strategy, { file, strict }) };
}

/** The text of a file. Throws a `Problem` (`not-found`) that says why it cannot be read. */
export async function readStrategyText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw new Problem("not-found", `The strategy file ${file} cannot be read: ${code ?? String(error)}`, {
      cure: "Check the path; examples are in examples/strategies/.",
      cause: error,
    });
  }
}
