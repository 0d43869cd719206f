/** Operations: submit, list, show, cancel, retry, follow, and fetch their results. */
import type { Context } from "hono";
import { type Caller, checkSize, idempotencyOf } from "../../durable-objects/index.ts";
import {
  formatTraceparent,
  type operationRoutes,
  Problem,
  parseTraceparent,
  pathOf,
  ROUTES,
} from "../../protocol/index.ts";
import { opened } from "../answers.ts";
import { artefactResponse } from "../artefact-response.ts";
import type { Edge } from "../edge.ts";
import { follow } from "../follow.ts";
import type { Handlers } from "../handler.ts";

export const operationHandlers: Handlers<typeof operationRoutes> = {
  async submit(context, { body, json, receivedAtMs }) {
    const request = checkSize(body);
    const idempotency = await idempotencyOf(context.req.header("idempotency-key"), [json]);
    const { registry, tokenHash } = context.var;
    const caller = callerOf(context, receivedAtMs);
    const [accepted] = await opened(registry.submit(tokenHash, [request], idempotency, caller));
    const { operationId, status } = accepted!;
    context.header("location", pathOf(ROUTES.showOperation, { id: operationId }));
    return { operationId, status };
  },
  async submitBatch(context, { body, json, receivedAtMs }) {
    const requests = body.operations.map(checkSize);
    const { operations: asTheyCame } = json as { operations: unknown[] };
    const idempotency = await idempotencyOf(context.req.header("idempotency-key"), asTheyCame);
    const { registry, tokenHash } = context.var;
    const accepted = await opened(registry.submit(tokenHash, requests, idempotency, callerOf(context, receivedAtMs)));
    return { operations: accepted.map(({ operationId, status }) => ({ operationId, status })) };
  },
  async listOperations({ var: { registry, tokenHash } }, { query: { cursor, limit, ...filter } }) {
    const page = await opened(registry.listOperations(tokenHash, filter, cursor ?? null, limit));
    return { ...page, nextCursor: page.nextCursor === null ? null : String(page.nextCursor) };
  },
  showOperation({ var: { registry, tokenHash } }, { parameters }) {
    return opened(registry.showOperation(tokenHash, parameters.id));
  },
  cancelOperation({ var: { registry, tokenHash } }, { parameters }) {
    return opened(registry.cancelOperation(tokenHash, parameters.id));
  },
  retryOperation({ var: { registry, tokenHash } }, { parameters }) {
    return opened(registry.retryOperation(tokenHash, parameters.id));
  },
  async operationEvents({ var: { registry, tokenHash } }, { parameters, query }) {
    return { events: await opened(registry.operationEvents(tokenHash, parameters.id, query.after)) };
  },
  followOperation(context, { parameters, query }) {
    return follow(context, query.after, parameters.id);
  },
  followOperations(context, { query }) {
    return follow(context, query.after, null);
  },
  operationLogs({ var: { registry, tokenHash } }, { parameters, query }) {
    return opened(registry.operationLogs(tokenHash, parameters.id, query.after));
  },
  async operationResult(context, { parameters: { id } }) {
    const found = await opened(context.var.registry.showOperation(context.var.tokenHash, id));
    if (found.result === null || found.result.sha256 === null) {
      throw new Problem("not-found", `Operation ${id} is ${found.status} and has no result to download.`, {
        cure:
          found.status === "completed"
            ? "Its summary is all there is."
            : "Wait until it is completed (`ktrdr ops watch`).",
      });
    }
    return artefactResponse(context, found.result.sha256);
  },
};

function callerOf(context: Context<Edge>, receivedAt: number): Caller {
  const trace = parseTraceparent(context.req.header("traceparent"));
  return { traceparent: trace === null ? null : formatTraceparent(trace), receivedAt, over: "http" };
}
