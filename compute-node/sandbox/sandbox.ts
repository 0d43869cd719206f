/**
 * A fresh JavaScript context for a strategy's code: only the language, without files, network, timers, clock, chance,
 * locale or time zone, so that a run gives the same on every machine. It keeps honest code deterministic; it is no wall
 * against hostile code (docs/decisions/0014), which is why operators allow scripts on each node.
 */
import { readFileSync } from "node:fs";
import { inspect } from "node:util";
import { type Context, constants, createContext, Script } from "node:vm";

/** The name of a strategy's code in stack traces. */
export const SCRIPT_FILE = "ktrdr-strategy.js";

export interface SandboxOptions {
  /** A line that the script printed with `console.log`. */
  readonly onLog?: (line: string) => void;
  /** Ends the evaluation of the module, though not its exported functions, after so long; no limit by default. */
  readonly timeoutMs?: number;
}

const PRELUDE_URL = new URL("./sandbox-prelude.js", import.meta.url);
const BEFORE_MODULE = "(function (exports, module) {";
const LOGGED_LENGTH = 1_000;

let prelude: Script | undefined;

/**
 * Evaluates a CommonJS module in a context of its own and returns its `module.exports`. There is no `require`.
 * Throws the module's errors, which are of the context's own `Error`.
 */
export function evaluateModule(source: string, { onLog, timeoutMs }: SandboxOptions = {}): unknown {
  // An ordinary global object: one with interceptors makes each use of `Math` some hundred times slower.
  const context = createContext(constants.DONT_CONTEXTIFY, {
    codeGeneration: { strings: false, wasm: false },
    // Promises wait for ever; else they would run in the middle of the next job.
    microtaskMode: "afterEvaluate",
  });
  prelude ??= new Script(readFileSync(PRELUDE_URL, "utf8"), { filename: "sandbox-prelude.js" });
  const prepare = prelude.runInContext(context) as (log: (words: readonly unknown[]) => void) => void;
  prepare((words) => onLog?.(lineOf(words)));
  const module = new Script("({ exports: {} })").runInContext(context) as { exports: unknown };
  const code = new Script(`${BEFORE_MODULE}${source}\n})`, {
    filename: SCRIPT_FILE,
    columnOffset: -BEFORE_MODULE.length,
  });
  const define = code.runInContext(context) as (exports: unknown, module: { exports: unknown }) => void;
  if (timeoutMs === undefined) define(module.exports, module);
  else runWithin(timeoutMs, context, () => define(module.exports, module));
  return module.exports;
}

/** `vm` limits only the time of scripts, so a script calls. Throws Node's `ERR_SCRIPT_EXECUTION_TIMEOUT`. */
function runWithin(timeoutMs: number, context: Context, action: () => void): void {
  context.ktrdrAction = action;
  try {
    new Script("ktrdrAction()").runInContext(context, { timeout: timeoutMs });
  } finally {
    delete context.ktrdrAction;
  }
}

function lineOf(words: readonly unknown[]): string {
  const texts = words.map((word) => (typeof word === "string" ? word : inspect(word, { depth: 2, breakLength: 120 })));
  return texts.join(" ").slice(0, LOGGED_LENGTH);
}
