/** Checks a user's input before anything is sent or run. */
import type { z } from "zod";
import { issuesOf, Problem } from "../protocol/problem.ts";
import { toSnakeCase } from "../protocol/wire.ts";

/** Throws a `Problem` (`invalid-request`) that names every fault. `subject` stands in its message. */
export function checkedInput<S extends z.ZodType>(schema: S, value: z.input<S>, subject: string): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = issuesOf(result.error).map((issue) => ({ ...issue, path: toSnakeCase(issue.path ?? "") }));
  const [first = ""] = issues.map(({ path, message }) => `: ${path}: ${message}`);
  throw new Problem("invalid-request", `The ${subject} is not valid${first}`, {
    cure: "Correct it and try again.",
    issues: issues.length > 1 ? issues : [],
  });
}
