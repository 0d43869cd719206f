/** Small steps that every route takes: open a registry's answer, read a JSON body. */
import type { Context } from "hono";
import type { Answer } from "../durable-objects/worker-registry.ts";
import { Problem, type Wire } from "../protocol/index.ts";

/** The answer's value; throws its problem. */
export async function opened<T>(answer: Promise<Answer<T>>): Promise<T> {
  const result = await answer;
  if (!result.ok) throw Problem.fromDetails(result.problem);
  return result.value;
}

/** The request's JSON body, checked. An absent body is an empty object. */
export async function body<T>(context: Context, schema: Wire<T>): Promise<T> {
  const text = await context.req.text();
  return parsedBody(text, schema);
}

export function parsedBody<T>(text: string, schema: Wire<T>): T {
  let json: unknown;
  try {
    json = text.trim() === "" ? {} : JSON.parse(text);
  } catch (error) {
    throw new Problem("invalid-request", `The request body is not JSON: ${(error as Error).message}`, {
      cure: "Send one JSON document with content-type application/json.",
    });
  }
  return schema.parse(json);
}
