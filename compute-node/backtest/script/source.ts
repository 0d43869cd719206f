/** A strategy's code from the wire, ready to run: evaluated, checked, and with its errors traced to their lines. */
import { Problem, type ProblemIssue } from "../../../protocol/problem.ts";
import type { ScriptSource } from "../../../protocol/strategy-script.ts";
import { evaluateModule, positionOf, type SandboxOptions } from "../../sandbox/index.ts";
import { suggestion } from "../../strategy/closest-name.ts";
import type { ScriptStrategy } from "./api.ts";
import { callScript, messageOf } from "./fault.ts";

const KEYS = ["name", "description", "parameters", "indicators", "options", "state", "onBar"];
const OPTION_KEYS = ["reversal", "pyramiding"];

/** Names that people reach for by habit, and what a strategy uses instead. */
const ABSENT: readonly (readonly [RegExp, string])[] = [
  [/^(process|require|module|Buffer|global|__dirname|__filename) /, "A strategy sees prices and its parameters alone."],
  [/^(fetch|XMLHttpRequest|WebSocket) /, "A strategy has no network; import data at build time, or load it as prices."],
  [/^(setTimeout|setInterval|setImmediate|queueMicrotask) /, "A strategy has no timers; count bars in `onBar`."],
  [/^(performance|crypto|window|document|navigator) /, "A strategy sees prices and its parameters alone."],
  [
    /^(Temporal|Intl|WeakRef|FinalizationRegistry|SharedArrayBuffer|Atomics|WebAssembly) /,
    "It could differ between machines.",
  ],
];

/**
 * Evaluates the code, in a context that no other run shares.
 *
 * @throws Problem `invalid-strategy` for code that does not parse or throws, and for an export that is no strategy
 */
export function loadScript(script: ScriptSource, options: SandboxOptions = {}): ScriptStrategy {
  const evaluate = () => evaluateModule(script.source, options);
  const exports = withPlaces(script, () => callScript(() => "The strategy's file failed", evaluate));
  return checkedStrategy(exports);
}

/** Runs `action`, and adds the place in the script to a problem that arose there. */
export function withPlaces<Answer>(script: ScriptSource, action: () => Answer): Answer {
  try {
    return action();
  } catch (thrown) {
    throw thrown instanceof Problem ? located(script, thrown) : thrown;
  }
}

function located({ sourceMap }: ScriptSource, problem: Problem): Problem {
  const cause = problem.cause ?? problem;
  if (isTimeout(cause)) return endless();
  const position = positionOf(cause, sourceMap);
  if (position === null) return problem;
  const { file, line, column } = position;
  const issue: ProblemIssue = { message: messageOf(cause), file, line, column };
  return new Problem(problem.kind, `${problem.message} (${file}:${line}:${column})`, {
    cure: absenceOf(messageOf(cause)) ?? problem.cure ?? "Correct it there.",
    issues: [issue],
    cause: problem,
  });
}

function absenceOf(message: string): string | undefined {
  return ABSENT.find(([pattern]) => /is not defined$/.test(message) && pattern.test(message))?.[1];
}

function isTimeout(thrown: unknown): boolean {
  const code = typeof thrown === "object" && thrown !== null && "code" in thrown ? thrown.code : undefined;
  return code === "ERR_SCRIPT_EXECUTION_TIMEOUT";
}

function endless(): Problem {
  return new Problem(
    "invalid-strategy",
    "The strategy's file does not come to its end: it runs on while it is loaded.",
    {
      cure: "Look for an endless loop outside of `onBar`.",
    },
  );
}

function checkedStrategy(exports: unknown): ScriptStrategy {
  const found = defaultOf(exports);
  if (!isRecord(found) || typeof found.onBar !== "function") {
    throw new Problem("invalid-strategy", "The file exports no strategy as its default.", {
      cure: "Write `export default defineStrategy({ … onBar(context) { … } })`.",
    });
  }
  refuseUnknown(found, KEYS, "The strategy");
  const { options = {}, indicators, state, name, description } = found;
  if (!isRecord(options)) throw mistyped("options", "an object");
  refuseUnknown(options, OPTION_KEYS, "The strategy's options");
  if (indicators !== undefined && typeof indicators !== "function") {
    throw mistyped("indicators", "a function of the parameters, such as ({ fast }) => ({ … })");
  }
  if (state !== undefined && typeof state !== "function") {
    throw mistyped("state", "a function of the parameters that makes it, such as () => ({ entries: 0 })");
  }
  const { reversal, pyramiding } = options;
  if (reversal !== undefined && typeof reversal !== "boolean") throw mistyped("options.reversal", "true or false");
  if (pyramiding !== undefined && !(typeof pyramiding === "number" && pyramiding >= 1)) {
    throw mistyped("options.pyramiding", "a number from 1 on");
  }
  for (const [key, text] of Object.entries({ name, description })) {
    if (text !== undefined && typeof text !== "string") throw mistyped(key, "a text");
  }
  return found as unknown as ScriptStrategy;
}

function defaultOf(exports: unknown): unknown {
  return isRecord(exports) && exports.default !== undefined ? exports.default : exports;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function refuseUnknown(given: Record<string, unknown>, known: readonly string[], owner: string): void {
  const unknown = Object.keys(given).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  throw new Problem("invalid-strategy", `${owner} has an unknown key: ${unknown}.`, {
    cure: suggestion(unknown, known, "keys"),
  });
}

function mistyped(key: string, wanted: string): Problem {
  return new Problem("invalid-strategy", `The strategy's ${key} is of the wrong type.`, { cure: `Give ${wanted}.` });
}
