/** Operations: requests to the fleet, their state and their results. */
import { z } from "zod";
import { DAY_MS } from "./durations.ts";
import { operationId, sha256, timestampMs } from "./identifiers.ts";
import { LIMITS } from "./limits.ts";
import { operationSpec } from "./operations/index.ts";
import { problemDetails } from "./problem.ts";
import { workerType } from "./workers.ts";

/**
 * The life of an operation:
 * - `queued`: accepted and durable; no lease. `waitingReason` says why it waits.
 * - `running`: exactly one lease {worker, attempt, expires}. Becomes `queued` again when the lease is lost.
 * - `completed`, `failed`, `cancelled`: terminal; reached once and never left.
 */
export const operationStatus = z.enum(["queued", "running", "completed", "failed", "cancelled"]);
export type OperationStatus = z.infer<typeof operationStatus>;
export const TERMINAL_STATUSES: readonly OperationStatus[] = ["completed", "failed", "cancelled"];

/** The demands on a worker that may be handed the operation. */
export const requirements = z.strictObject({
  /** In order of preference. */
  workerTypes: z.array(workerType).min(1).max(3),
  labels: z.record(z.string().max(63), z.string().max(200)).default({}),
  memoryBytes: z.int().min(0).default(0),
  /** Holds out this long for the first of `workerTypes` before it takes another. */
  preferWaitMs: z.int().min(0).max(DAY_MS).default(0),
});
export type Requirements = z.infer<typeof requirements>;

export const submitRequest = z.strictObject({
  spec: operationSpec,
  requirements: requirements.partial().prefault({}),
  /** Higher goes first. */
  priority: z.int().min(-100).max(100).default(0),
  maxAttempts: z.int().min(1).max(20).default(3),
  /** The operation fails when it has not ended by then. */
  deadlineMs: timestampMs.optional(),
  /** Shown in lists. */
  name: z.string().max(100).optional(),
});
export type SubmitRequest = z.infer<typeof submitRequest>;

export const progress = z.strictObject({
  phase: z.string().max(60),
  /** 0 to 1. */
  fraction: z.number().min(0).max(1),
  /** Such as `{ barsPerSecond: 1.2e8 }`. */
  rates: z.record(z.string().max(40), z.number()).default({}),
});
export type Progress = z.infer<typeof progress>;

/** Names a finished operation's bytes, and holds the few figures that lists show. */
export const operationResult = z.strictObject({
  /** The artefact's content hash; null when the summary is all there is. */
  sha256: sha256.nullable(),
  bytes: z.int().min(0),
  mediaType: z.string().max(100),
  summary: z.record(z.string(), z.unknown()),
});
export type OperationResult = z.infer<typeof operationResult>;

export const operation = z.strictObject({
  operationId,
  kind: z.string(),
  name: z.string().nullable(),
  status: operationStatus,
  priority: z.int(),
  attempt: z.int(),
  maxAttempts: z.int(),
  workerId: z.string().nullable(),
  createdAt: timestampMs,
  startedAt: timestampMs.nullable(),
  finishedAt: timestampMs.nullable(),
  progress: progress.nullable(),
  /** The reason for which it is still queued, with the cure; null otherwise. */
  waitingReason: z.string().nullable(),
  result: operationResult.nullable(),
  error: problemDetails.nullable(),
  cancelRequested: z.boolean(),
  requirements,
  /** Its trace in the tracing backend, 32 hexadecimal digits; null where it is not traced. */
  traceId: z.string().nullable(),
});
export type Operation = z.infer<typeof operation>;

/** Answers `GET /api/v1/operations/{id}`; has the specification too. */
export const operationDetail = operation.extend({ spec: operationSpec });
export type OperationDetail = z.infer<typeof operationDetail>;

export const operationList = z.strictObject({
  total: z.int(),
  operations: z.array(operation),
  /** Pass it back as `cursor` for the next page; null at the end. */
  nextCursor: z.string().nullable(),
});

/** `POST /api/v1/operations:batch`: all of them or none. */
export const batchRequest = z.strictObject({ operations: z.array(submitRequest).min(1).max(LIMITS.batchOperations) });
export const batchResponse = z.strictObject({
  operations: z.array(z.strictObject({ operationId, status: operationStatus })),
});

export const submitResponse = z.strictObject({ operationId, status: operationStatus });
