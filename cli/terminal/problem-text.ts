/** Formats an error for a terminal: the message, each fault with its place, and the cure. */
import { Problem, type ProblemIssue } from "../../protocol/problem.ts";

/** `file:line:column: path: message`, with the parts that are known. */
export function issueText(issue: ProblemIssue): string {
  const place = [issue.file, issue.line, issue.line === undefined ? undefined : issue.column].filter(
    (part) => part !== undefined,
  );
  const where = [place.join(":"), issue.path].filter((part) => part);
  return [...where, issue.message].join(": ");
}

/**
 * The lines for stderr: `error: <message>`, an indented line for each issue, `  cure: <cure>`. An `internal` problem also
 * shows the stack of its cause, which helps to correct it.
 */
export function problemText(thrown: unknown): string {
  const problem = Problem.from(thrown);
  const lines = [`error: ${problem.message}`];
  for (const issue of problem.issues) lines.push(`  ${issueText(issue)}`);
  if (problem.cure !== undefined) lines.push(`  cure: ${problem.cure}`);
  if (problem.kind === "internal" && problem.cause instanceof Error && problem.cause.stack !== undefined) {
    const [, ...frames] = problem.cause.stack.split("\n    at ");
    lines.push(...frames.slice(0, MOST_FRAMES).map((frame) => `    at ${frame}`));
    lines.push("  cure: This is a fault of ktrdr. Please report it with the lines above.");
  }
  return lines.join("\n");
}

const MOST_FRAMES = 8;

/** With `--json` a failure is a document too: `{"error": <problem details>}`. */
export function problemJson(thrown: unknown): { error: ReturnType<Problem["toDetails"]> } {
  return { error: Problem.from(thrown).toDetails() };
}
