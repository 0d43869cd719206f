/** Reads a strategy from a file and checks it. */
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { indicatorsOf, loadScript, parametersOf, withPlaces } from "../../compute-node/backtest/index.ts";
import {
  parseRuleStrategyFile,
  parseStrategyFile,
  type Strategy,
  type StrategyWarning,
  validateStrategy,
} from "../../compute-node/strategy/index.ts";
import { byteLength } from "../../protocol/byte-length.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { Problem, type ProblemIssue } from "../../protocol/problem.ts";
import type { RuleStrategy, StrategyParameter } from "../../protocol/strategy-rules.ts";
import type { ScriptSource } from "../../protocol/strategy-script.ts";
import { bundleStrategy, isScriptFile } from "./strategy-bundle.ts";
import { typeFaults } from "./strategy-types.ts";

/** A strategy that a backtest can run, in rules or in code. */
export interface RunnableStrategy {
  readonly strategy: RuleStrategy | ScriptSource;
  readonly parameters: Readonly<Record<string, StrategyParameter>>;
  readonly warnings: readonly ProblemIssue[];
}

/** Bytes kept free in an operation's specification for everything but the strategy. */
const REST_OF_SPECIFICATION_BYTES = 4 * 1024;
const LOADING_LIMIT_MS = 5_000;
const LONGEST_NAME = 100;

/**
 * Loads rules or code, by the file's ending. A compiler error in code is a warning, since the code runs all the same: a
 * misspelt parameter is `undefined`, and compares as false. Throws a `Problem` with every fault of the file's path, syntax
 * and meaning.
 */
export async function loadRunnable(file: string): Promise<RunnableStrategy> {
  if (isScriptFile(file)) {
    const [runnable, faults] = await Promise.all([loadScriptFile(file), typeFaults(file)]);
    return { ...runnable, warnings: [...runnable.warnings, ...(faults ?? [])] };
  }
  const { strategy, warnings } = await loadStrategy(file);
  return { strategy, parameters: strategy.parameters, warnings };
}

/** Loads rules. Throws as `loadRunnable`. */
export async function loadStrategy(file: string): Promise<{ strategy: RuleStrategy; warnings: StrategyWarning[] }> {
  const strategy = parseRuleStrategyFile(await readStrategyText(file), file);
  return { strategy, warnings: validateStrategy(strategy, { file }) };
}

/** Loads a strategy of any kind; with `strict`, every warning is a fault. Throws as `loadRunnable`. */
export async function loadAnyStrategy(
  file: string,
  strict = false,
): Promise<{ strategy: Strategy | ScriptSource; warnings: readonly ProblemIssue[] }> {
  if (isScriptFile(file)) return loadScriptFile(file);
  const strategy = parseStrategyFile(await readStrategyText(file), file);
  return { strategy, warnings: validateStrategy(strategy, { file, strict }) };
}

/**
 * Bundles the file, evaluates it once in this process to learn its name and parameters, and checks that its indicators
 * exist.
 *
 * @throws Problem `too-large` for a bundle that does not fit into an operation
 */
async function loadScriptFile(file: string): Promise<RunnableStrategy> {
  await readStrategyText(file);
  const bundle = await bundleStrategy(file);
  const unnamed: ScriptSource = { kind: "script", name: basename(file), source: bundle.source };
  const room = LIMITS.operationSpecBytes - REST_OF_SPECIFICATION_BYTES;
  const bytes = bytesOf(unnamed);
  if (bytes > room) throw tooLarge(file, bytes, room);
  const mapped = { ...unnamed, sourceMap: bundle.sourceMap };
  const script = loadScript(mapped, { timeoutMs: LOADING_LIMIT_MS });
  const values = parametersOf(script, {});
  withPlaces(mapped, () => indicatorsOf(script, values));
  const name = (script.name ?? basename(file).replace(/\.[^.]+$/, "")).slice(0, LONGEST_NAME);
  const { description } = script;
  const fits = bytesOf(mapped) <= room;
  const strategy = { ...(fits ? mapped : unnamed), name, ...(description === undefined ? {} : { description }) };
  // The values were copied out of the script's context, so they are plain data from here on.
  const parameters: Record<string, StrategyParameter> = JSON.parse(JSON.stringify(script.parameters ?? {}));
  return { strategy, parameters, warnings: fits ? bundle.warnings : [...bundle.warnings, noMap(file)] };
}

function bytesOf(strategy: ScriptSource): number {
  return byteLength(JSON.stringify(strategy));
}

function tooLarge(file: string, bytes: number, room: number): Problem {
  return new Problem("too-large", `${file} has ${bytes} bytes when it is bundled; ${room} fit into an operation.`, {
    cure: "Import less: a single function instead of a whole package, and no tables of data.",
  });
}

function noMap(file: string): ProblemIssue {
  return { message: "the source map does not fit into an operation: errors name lines of the bundle", file };
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
