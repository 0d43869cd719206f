/** The one place where an error becomes a response: problem details (RFC 9457). */
import { Problem } from "../protocol/index.ts";

export function problemResponse(error: unknown): Response {
  const problem = Problem.from(error);
  if (problem.kind === "internal") console.error("request failed", error);
  return Response.json(problem.toDetails(), {
    status: problem.status,
    headers: {
      "content-type": "application/problem+json",
      ...(problem.kind === "unauthenticated" ? { "www-authenticate": 'Bearer realm="ktrdr"' } : {}),
    },
  });
}
