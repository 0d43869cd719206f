/** Hands a follower over to the workspace's registry, which streams to it. */
import type { Context } from "hono";
import { Problem } from "../protocol/index.ts";
import type { Edge } from "./edge.ts";

/**
 * Streams the events after the one that the query (`asked`) or else the header names. `operationId` null follows every operation
 * of the workspace. The answer is a server-sent event stream, or a WebSocket where the request upgrades.
 */
export async function follow(
  context: Context<Edge>,
  asked: string | undefined,
  operationId: string | null,
): Promise<Response> {
  const after = asked ?? context.req.header("last-event-id") ?? "0";
  if (!/^\d{1,15}$/.test(after)) {
    throw new Problem("invalid-request", `The event id ${JSON.stringify(after)} is not a whole number.`, {
      cure: "Pass the id of the last event that you have, or 0 for all.",
    });
  }
  const target = new URL("http://registry/events");
  target.searchParams.set("after", after);
  if (operationId !== null) target.searchParams.set("operation", operationId);
  const headers = new Headers({ "x-ktrdr-token-hash": context.var.tokenHash });
  const upgrade = context.req.header("upgrade");
  if (upgrade !== undefined) headers.set("upgrade", upgrade);
  return context.var.registry.fetch(new Request(target, { headers }));
}
