/** A strategy from a file, read and checked. */
import { readFile } from "node:fs/promises";
import { parseStrategyFile, type StrategyWarning, validateStrategy } from "../compute-node/strategy/index.ts";
import { Problem } from "../protocol/problem.ts";
import type { RuleStrategy } from "../protocol/strategy-rules.ts";

/** Throws a `Problem` with every fault: the file's place, its syntax, its meaning. */
export async function loadStrategy(file: string): Promise<{ strategy: RuleStrategy; warnings: StrategyWarning[] }> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw new Problem("not-found", `The strategy file ${file} cannot be read: ${code ?? String(error)}`, {
      cure: "Check the path; examples are in examples/strategies/.",
      cause: error,
    });
  }
  const strategy = parseStrategyFile(text, file);
  return { strategy, warnings: validateStrategy(strategy, file) };
}
