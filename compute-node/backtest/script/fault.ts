/** Turns what a script throws into a problem. Scripts may throw anything, and their errors are no `Error` of ours. */
import { Problem } from "../../../protocol/problem.ts";

/** Its message, or itself as text. */
export function messageOf(thrown: unknown): string {
  try {
    return typeof thrown === "object" && thrown !== null && "message" in thrown
      ? String(thrown.message)
      : String(thrown);
  } catch {
    return "something that has no text"; // Such as an object without a prototype.
  }
}

/**
 * Calls a function of the script.
 *
 * @param doing the failed action, as the beginning of a sentence
 * @throws Problem `invalid-strategy` for whatever it throws, with that as the cause; a problem keeps its cure
 */
export function callScript<Answer>(doing: () => string, action: () => Answer): Answer {
  try {
    return action();
  } catch (cause) {
    throw new Problem("invalid-strategy", `${doing()}: ${messageOf(cause)}`, {
      cure: (cause instanceof Problem ? cause.cure : undefined) ?? "Correct the strategy.",
      cause,
    });
  }
}
