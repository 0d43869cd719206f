/** Operations: submit, list, show, cancel, retry, follow, and fetch their results. */
import { z } from "zod";
import { API_PREFIX } from "../api.ts";
import { eventPage, logPage } from "../events.ts";
import { workerId } from "../identifiers.ts";
import { LIMITS } from "../limits.ts";
import {
  batchRequest,
  batchResponse,
  operation,
  operationDetail,
  operationList,
  operationStatus,
  submitRequest,
  submitResponse,
} from "../operation.ts";
import { EXAMPLE_OPERATION_ID, EXAMPLE_TIME_MS, operationParameter, queryNumber } from "./parameters.ts";
import { checkedBody, jsonAnswer, jsonBody, type Routes } from "./route.ts";

const SUBMISSION_HEADERS = {
  "idempotency-key": "The same key with the same operations submits them once, however often it is sent.",
  traceparent: "The W3C trace that the operations belong to.",
} as const;

const RESUMPTION = {
  "last-event-id": "The last event that the caller has; `after` in the query goes before it.",
} as const;

const listQuery = z.strictObject({
  status: operationStatus.optional(),
  kind: z.string().max(40).optional(),
  workerId: workerId.optional(),
  limit: queryNumber().int().min(1).max(LIMITS.pageOperations).default(50),
  cursor: queryNumber().int().min(0).optional(),
});

const afterQuery = z.strictObject({ after: queryNumber().int().min(0).default(0) });

/** Not strict, and any text: the stream itself checks where to begin, since a header may say it too. */
const resumptionQuery = z.object({ after: z.string().optional() });

const SLEEP = { kind: "sleep", duration_ms: 1000, busy: false };

const SUBMITTED = { operation_id: EXAMPLE_OPERATION_ID, status: "queued" };

const QUEUED = {
  operation_id: EXAMPLE_OPERATION_ID,
  kind: "sleep",
  name: "probe",
  status: "queued",
  priority: 0,
  attempt: 0,
  max_attempts: 3,
  worker_id: null,
  created_at: EXAMPLE_TIME_MS,
  started_at: null,
  finished_at: null,
  progress: null,
  waiting_reason: "Every worker is busy.",
  result: null,
  error: null,
  cancel_requested: false,
  requirements: { worker_types: ["backtesting"], labels: {}, memory_bytes: 0, prefer_wait_ms: 0 },
  trace_id: null,
};

export const operationRoutes = {
  submit: {
    method: "POST",
    path: `${API_PREFIX}/operations`,
    role: "researcher",
    summary: "Submits one operation; it is durable when the answer comes, and `location` has its path.",
    headers: SUBMISSION_HEADERS,
    body: checkedBody(submitRequest, "operation"),
    answer: jsonAnswer(submitResponse, 202),
    example: { body: { spec: SLEEP, name: "probe" }, answer: SUBMITTED },
  },
  submitBatch: {
    method: "POST",
    path: `${API_PREFIX}/operations:batch`,
    role: "researcher",
    summary: `Submits up to ${LIMITS.batchOperations} operations in one write: all of them or none.`,
    headers: SUBMISSION_HEADERS,
    body: jsonBody(batchRequest),
    answer: jsonAnswer(batchResponse, 202),
    example: { body: { operations: [{ spec: SLEEP }] }, answer: { operations: [SUBMITTED] } },
  },
  listOperations: {
    method: "GET",
    path: `${API_PREFIX}/operations`,
    role: "viewer",
    summary: "Lists operations, the newest first, a page at a time.",
    query: listQuery,
    answer: jsonAnswer(operationList),
    example: {
      query: { status: "queued", limit: "20" },
      answer: { total: 1, operations: [QUEUED], next_cursor: null },
    },
  },
  showOperation: {
    method: "GET",
    path: `${API_PREFIX}/operations/{id}`,
    parameters: operationParameter,
    role: "viewer",
    summary: "Shows an operation with its specification.",
    answer: jsonAnswer(operationDetail),
    example: { answer: { ...QUEUED, spec: SLEEP } },
  },
  cancelOperation: {
    method: "POST",
    path: `${API_PREFIX}/operations/{id}/cancel`,
    parameters: operationParameter,
    role: "researcher",
    summary: "Cancels an operation. One that runs ends when its node has stopped it.",
    answer: jsonAnswer(operation, 202),
    example: { answer: { ...QUEUED, status: "cancelled", finished_at: EXAMPLE_TIME_MS, waiting_reason: null } },
  },
  retryOperation: {
    method: "POST",
    path: `${API_PREFIX}/operations/{id}/retry`,
    parameters: operationParameter,
    role: "researcher",
    summary: "Queues a failed or cancelled operation again.",
    answer: jsonAnswer(operation, 202),
    example: { answer: QUEUED },
  },
  operationEvents: {
    method: "GET",
    path: `${API_PREFIX}/operations/{id}/events`,
    parameters: operationParameter,
    role: "viewer",
    summary: "Lists the events of an operation so far, oldest first, where JSON is asked for.",
    accept: "application/json",
    query: afterQuery,
    answer: jsonAnswer(eventPage),
    example: {
      query: { after: "0" },
      answer: {
        events: [{ event_id: 1, operation_id: EXAMPLE_OPERATION_ID, type: "queued", at_ms: EXAMPLE_TIME_MS, data: {} }],
      },
    },
  },
  followOperation: {
    method: "GET",
    path: `${API_PREFIX}/operations/{id}/events`,
    parameters: operationParameter,
    role: "viewer",
    summary: "Streams the events of an operation until it ends.",
    query: resumptionQuery,
    headers: RESUMPTION,
    answer: { type: "events", status: 200 },
    example: { query: { after: "0" } },
  },
  followOperations: {
    method: "GET",
    path: `${API_PREFIX}/events`,
    role: "viewer",
    summary: "Streams the events of every operation of the workspace.",
    query: resumptionQuery,
    headers: RESUMPTION,
    answer: { type: "events", status: 200 },
    example: { query: { after: "0" } },
  },
  operationLogs: {
    method: "GET",
    path: `${API_PREFIX}/operations/{id}/logs`,
    parameters: operationParameter,
    role: "viewer",
    summary: "Shows the kept tail of an operation's log.",
    query: afterQuery,
    answer: jsonAnswer(logPage),
    example: {
      query: { after: "0" },
      answer: { lines: [{ line_id: 1, at_ms: EXAMPLE_TIME_MS, attempt: 1, text: "epoch 1 of 40" }], dropped: 0 },
    },
  },
  operationResult: {
    method: "GET",
    path: `${API_PREFIX}/operations/{id}/result`,
    parameters: operationParameter,
    role: "viewer",
    summary: "Sends the bytes of an operation's result, as its node uploaded them.",
    headers: { range: "The range of bytes to send (RFC 9110, section 14)." },
    answer: { type: "bytes", status: 200 },
  },
} as const satisfies Routes;
