/** Refuses bodies over a route's limit. Where a body says its length, nothing of it is read before. */
import type { MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { Problem } from "../protocol/index.ts";
import type { Edge } from "./edge.ts";

export function limitBody(maxBytes: number): MiddlewareHandler<Edge> {
  const refuse = (): never => {
    throw new Problem("too-large", `The request body is over the limit of ${maxBytes} bytes.`, {
      cure: "Split it into several requests.",
    });
  };
  const count = bodyLimit({ maxSize: maxBytes, onError: refuse });
  return (context, next) => {
    // A body that says its length need not be counted; the runtime holds it to what it says.
    const length = Number(context.req.header("content-length") ?? Number.NaN);
    if (Number.isNaN(length)) return count(context, next);
    return length > maxBytes ? refuse() : next();
  };
}
