/**
 * The conversation of a submitter with the registry, on the WebSocket of `GET /api/v1/submissions`. It does the same as
 * `POST /api/v1/operations` and `operations:batch`, without a request for each. A frame is one JSON message, and each is
 * answered once, by its `request_id`. Heartbeats are the bare texts `ping` and `pong`, as on a node's line.
 */
import { z } from "zod";
import { LIMITS } from "./limits.ts";
import { batchResponse, submitRequest } from "./operation.ts";
import { problemDetails } from "./problem.ts";

/** The same key with the same operations answers with the existing ones, also where it came over HTTPS. */
export const idempotencyKey = z
  .string()
  .regex(/^[\x21-\x7e]{1,128}$/, "1 to 128 printable ASCII characters without spaces");

/** The submitter's own; unique within one connection. */
export const requestId = z.string().min(1).max(128);

export const submitterMessage = z.strictObject({
  type: z.literal("submit"),
  requestId,
  /** All of them or none. */
  operations: z.array(submitRequest).min(1).max(LIMITS.batchOperations),
  idempotencyKey: idempotencyKey.optional(),
  /** As the header of that name; a malformed one counts as none. */
  traceparent: z.string().max(512).optional(),
});

export const submissionAnswer = z.discriminatedUnion("type", [
  /** Durable; in the order of the request. */
  z.strictObject({ type: z.literal("submitted"), requestId, ...batchResponse.shape }),
  /** Nothing was submitted. `requestId` is null where the frame does not say one that can be read. */
  z.strictObject({ type: z.literal("refused"), requestId: requestId.nullable(), problem: problemDetails }),
]);
export type SubmissionAnswer = z.infer<typeof submissionAnswer>;
