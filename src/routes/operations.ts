/** `/api/v1/operations`: submit, list, show, cancel, retry, result. */
import { type Context, Hono } from "hono";
import { z } from "zod";
import { type Caller, checkSize, idempotencyOf } from "../../durable-objects/index.ts";
import {
  batchRequest,
  batchResponse,
  eventPage,
  formatTraceparent,
  LIMITS,
  logPage,
  operation,
  operationDetail,
  operationId,
  operationList,
  operationStatus,
  Problem,
  parseTraceparent,
  submitRequest,
  submitResponse,
  wire,
  workerId,
} from "../../protocol/index.ts";
import { jsonBody, opened } from "../answers.ts";
import { artefactResponse } from "../artefact-response.ts";
import { authenticate } from "../authentication.ts";
import type { Edge } from "../edge.ts";
import { follow } from "../follow.ts";

const submitWire = wire(submitRequest);
const submittedWire = wire(submitResponse);
const batchWire = wire(batchRequest);
const batchedWire = wire(batchResponse);
const logsWire = wire(logPage);
const eventsWire = wire(eventPage);
const operationWire = wire(operation);
const detailWire = wire(operationDetail);
const listWire = wire(operationList);
const idWire = wire(operationId);
const listQuery = wire(
  z.strictObject({
    status: operationStatus.optional(),
    kind: z.string().max(40).optional(),
    workerId: workerId.optional(),
    limit: z.coerce.number().int().min(1).max(LIMITS.pageOperations).default(50),
    cursor: z.coerce.number().int().min(0).optional(),
  }),
);

export const operations = new Hono<Edge>();
operations.use(authenticate);

operations.post("/", async (context) => {
  const receivedAt = Date.now();
  const json = await jsonBody(context);
  const request = checkSize(submitWire.parse(json));
  const idempotency = await idempotencyOf(context.req.header("idempotency-key"), [json]);
  const { registry, tokenHash } = context.var;
  const caller = callerOf(context, receivedAt);
  const [accepted] = await opened(registry.submit(tokenHash, [request], idempotency, caller));
  const { operationId: id, status } = accepted!;
  return context.json(submittedWire.encode({ operationId: id, status }) as object, 202, {
    location: `/api/v1/operations/${id}`,
  });
});

/** `POST /api/v1/operations:batch`: up to 1,000 in one write, all or none. */
export const operationBatches = new Hono<Edge>();
operationBatches.use(authenticate);
operationBatches.post("/", async (context) => {
  const receivedAt = Date.now();
  const json = await jsonBody(context);
  const requests = batchWire.parse(json).operations.map(checkSize);
  const { operations: asTheyCame } = json as { operations: unknown[] };
  const idempotency = await idempotencyOf(context.req.header("idempotency-key"), asTheyCame);
  const { registry, tokenHash } = context.var;
  const accepted = await opened(registry.submit(tokenHash, requests, idempotency, callerOf(context, receivedAt)));
  const answer = { operations: accepted.map(({ operationId: id, status }) => ({ operationId: id, status })) };
  return context.json(batchedWire.encode(answer) as object, 202);
});

operations.get("/", async (context) => {
  const { cursor, limit, ...filter } = listQuery.parse(context.req.query(), "query");
  const page = await opened(context.var.registry.listOperations(context.var.tokenHash, filter, cursor ?? null, limit));
  const nextCursor = page.nextCursor === null ? null : String(page.nextCursor);
  return context.json(listWire.encode({ ...page, nextCursor }) as object);
});

operations.get("/:id", async (context) => {
  const id = idWire.parse(context.req.param("id"), "operation id");
  const found = await opened(context.var.registry.showOperation(context.var.tokenHash, id));
  return context.json(detailWire.encode(found) as object);
});

operations.post("/:id/cancel", async (context) => {
  const id = idWire.parse(context.req.param("id"), "operation id");
  const cancelled = await opened(context.var.registry.cancelOperation(context.var.tokenHash, id));
  return context.json(operationWire.encode(cancelled) as object, 202);
});

operations.post("/:id/retry", async (context) => {
  const id = idWire.parse(context.req.param("id"), "operation id");
  const retried = await opened(context.var.registry.retryOperation(context.var.tokenHash, id));
  return context.json(operationWire.encode(retried) as object, 202);
});

const afterQuery = wire(z.strictObject({ after: z.coerce.number().int().min(0).default(0) }));

/**
 * Server-sent events, or a WebSocket where the request upgrades; `Last-Event-ID` or `?after=` resumes. Where JSON is asked
 * for, what has happened so far.
 */
operations.get("/:id/events", async (context) => {
  const id = idWire.parse(context.req.param("id"), "operation id");
  if (context.req.header("accept") === "application/json") {
    const { after } = afterQuery.parse(context.req.query(), "query");
    const events = await opened(context.var.registry.operationEvents(context.var.tokenHash, id, after));
    return context.json(eventsWire.encode({ events }) as object);
  }
  return follow(context, id);
});

/** The kept tail of the job's log. */
operations.get("/:id/logs", async (context) => {
  const id = idWire.parse(context.req.param("id"), "operation id");
  const { after } = afterQuery.parse(context.req.query(), "query");
  const page = await opened(context.var.registry.operationLogs(context.var.tokenHash, id, after));
  return context.json(logsWire.encode(page) as object);
});

/** The result's bytes, as the node uploaded them. */
operations.get("/:id/result", async (context) => {
  const id = idWire.parse(context.req.param("id"), "operation id");
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
});

function callerOf(context: Context<Edge>, receivedAt: number): Caller {
  const trace = parseTraceparent(context.req.header("traceparent"));
  return { traceparent: trace === null ? null : formatTraceparent(trace), receivedAt, over: "http" };
}
