/** Events of operations, as a stream that can be resumed. */
import { z } from "zod";
import { operationId, timestampMs } from "./identifiers.ts";

const EVENT_TYPES = [
  "queued",
  "assigned",
  "accepted",
  "progress",
  "log",
  "checkpoint",
  "cancel_requested",
  "requeued",
  "completed",
  "failed",
  "cancelled",
] as const;

export const operationEvent = z.strictObject({
  /** Rises with every kept event. Null for `progress`, of which only the newest is kept, in the operation. */
  eventId: z.int().nullable(),
  operationId,
  type: z.enum(EVENT_TYPES),
  atMs: timestampMs,
  /** By type: `assigned` {worker_id, attempt}, `requeued` {reason, attempt}, `log` {line, attempt}, `failed` {detail}, … */
  data: z.record(z.string(), z.unknown()),
});
export type OperationEvent = z.infer<typeof operationEvent>;
export type OperationEventType = OperationEvent["type"];

/** `GET /api/v1/operations/{id}/events` where JSON is asked for: the kept events after `?after=`, oldest first. */
export const eventPage = z.strictObject({ events: z.array(operationEvent) });

/** Nothing follows one of these, unless the operation is retried by hand. */
export const FINAL_EVENTS: readonly OperationEventType[] = ["completed", "failed", "cancelled"];

const logLine = z.strictObject({ lineId: z.int(), atMs: timestampMs, attempt: z.int(), text: z.string() });
export type LogLine = z.infer<typeof logLine>;
export const logPage = z.strictObject({
  lines: z.array(logLine),
  /** Lines that were dropped because the tail is bounded. */
  dropped: z.int(),
});
