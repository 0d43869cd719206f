/** Compute nodes as the registry knows them, and how they enrol. */
import { z } from "zod";
import { sha256, symbol, timeframe, timestampMs, workerId } from "./identifiers.ts";
import { LIMITS } from "./limits.ts";

export const WORKER_TYPES = ["backtesting", "cpu_training", "gpu_host"] as const;
export const workerType = z.enum(WORKER_TYPES);
export type WorkerType = z.infer<typeof workerType>;

/**
 * The life of a worker:
 * - `available`: its socket answers, and at least one slot is free. Operations may be handed out.
 * - `busy`: its socket answers, and every slot is taken (or it drains). Nothing is handed out.
 * - `temporarily_unavailable`: its socket is closed, or three heartbeats in a row were missed. It keeps its leases until
 *   they expire; it becomes `available` or `busy` again by coming back, and is removed 300 s after it was last healthy.
 */
export const workerStatus = z.enum(["available", "busy", "temporarily_unavailable"]);
export type WorkerStatus = z.infer<typeof workerStatus>;

/** A dataset that a node holds on its own disk. */
export const datasetRef = z.strictObject({ symbol, timeframe, sha256 });
export type DatasetRef = z.infer<typeof datasetRef>;

/** The abilities of a node; sent at enrolment, at `hello`, and whenever they change. */
export const capabilities = z.strictObject({
  slots: z.int().min(1).max(LIMITS.workerSlots).default(1),
  /** Kinds of operation that its operator allows. */
  kinds: z.array(z.string().max(40)).max(20).default(["backtest"]),
  memoryBytes: z.int().min(0).optional(),
  cpuCount: z.int().min(1).optional(),
  /** A GPU adapter's own description; absent without one. */
  gpu: z.string().max(200).optional(),
  labels: z.record(z.string().max(63), z.string().max(200)).default({}),
  datasets: z.array(datasetRef).max(LIMITS.workerDatasets).default([]),
});
export type Capabilities = z.infer<typeof capabilities>;

/** `POST /api/v1/workers/register`: an enrolment token (as bearer) becomes a credential of this worker alone. */
export const registerRequest = z.strictObject({
  workerId,
  workerType,
  /** The address of the node's own health endpoint; shown to people, never called. */
  endpointUrl: z.string().max(300).default(""),
  softwareVersion: z.string().max(40).default("unknown"),
  capabilities: capabilities.prefault({}),
  /** Shown to people. Only `instance` has a meaning: it tells one process from the next, so that a late request does no harm. */
  metadata: z.record(z.string().max(63), z.unknown()).default({}),
});
export type RegisterRequest = z.infer<typeof registerRequest>;

export const registerResponse = z.strictObject({
  workerId,
  workerType,
  status: workerStatus,
  message: z.string(),
  /** Shown once; the node keeps it in its state folder. Absent when the worker registered again with it. */
  credential: z.string().optional(),
  /** The path of the socket, to be joined with the control plane's URL. */
  socketPath: z.string(),
  /** The node's first connection uses `epoch + 1`, each later one a higher number. */
  epoch: z.int(),
});
export type RegisterResponse = z.infer<typeof registerResponse>;

export const worker = z.strictObject({
  workerId,
  workerType,
  endpointUrl: z.string(),
  status: workerStatus,
  currentOperationId: z.string().nullable(),
  currentOperationIds: z.array(z.string()),
  capabilities,
  lastHealthCheck: timestampMs.nullable(),
  lastHealthyAt: timestampMs.nullable(),
  healthCheckFailures: z.int(),
  metadata: z.record(z.string(), z.unknown()),
  slots: z.int(),
  slotsUsed: z.int(),
  /** Counts the node's connections; a message of an older one is refused. */
  epoch: z.int(),
  connected: z.boolean(),
  draining: z.boolean(),
  softwareVersion: z.string(),
  /** The version of its newest `hello`; null before the first. */
  protocolVersion: z.int().nullable(),
  /** The reason for which its newest connection was refused, with the cure; null when it was not. */
  refusal: z.string().nullable(),
  lastSelectedAt: timestampMs.nullable(),
  registeredAt: timestampMs,
});
export type Worker = z.infer<typeof worker>;

/** One moment in a worker's life, kept also after it was removed. */
const workerHistoryEntry = z.strictObject({
  atMs: timestampMs,
  type: z.enum([
    "registered",
    "connected",
    "refused",
    "disconnected",
    "unhealthy",
    "recovered",
    "draining",
    "resumed",
    "lost",
    "removed",
  ]),
  detail: z.string(),
});
export type WorkerHistoryEntry = z.infer<typeof workerHistoryEntry>;
export const workerHistory = z.strictObject({ workerId, entries: z.array(workerHistoryEntry) });

export const workerList = z.strictObject({ total: z.int(), workers: z.array(worker) });
