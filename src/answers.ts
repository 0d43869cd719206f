/** Small steps that every route takes: open a registry's answer, read a JSON body. */
import type { Context } from "hono";
import type { Answer } from "../durable-objects/index.ts";
import { Problem } from "../protocol/index.ts";

/** The answer's value; throws its problem. */
export async function opened<T>(answer: Promise<Answer<T>>): Promise<T> {
  const result = await answer;
  if (!result.ok) throw Problem.fromDetails(result.problem);
  return result.value;
}

/** An absent body is an empty object. */
export async function jsonBody(context: Context): Promise<unknown> {
  const text = await context.req.text();
  try {
    return text.trim() === "" ? {} : JSON.parse(text);
  } catch (error) {
    throw new Problem("invalid-request", `The request body is not JSON: ${(error as Error).message}`, {
      cure: "Send one JSON document with content-type application/json.",
    });
  }
}

/** Throws for a request that does not ask for a WebSocket. `cure` says what else there is. */
export function requireUpgrade(context: Context, cure = "Connect with `Upgrade: websocket`."): void {
  if (context.req.header("upgrade")?.toLowerCase() === "websocket") return;
  throw new Problem("invalid-request", "This path is a WebSocket.", { cure });
}
