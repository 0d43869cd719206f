/**
 * The conversation between a node and the registry: subprotocol `ktrdr.v1`. A frame is one JSON message, or an array
 * of messages that are handled in order.
 * Heartbeats are the bare texts `ping` and `pong`, answered by the runtime without waking the registry.
 * Every message about an operation carries its `attempt`, the fencing token.
 */
import { z } from "zod";
import { operationId, sha256 } from "./identifiers.ts";
import { LIMITS } from "./limits.ts";
import { operationResult, progress } from "./operation.ts";
import { operationSpec } from "./operations/index.ts";
import { problemDetails } from "./problem.ts";
import { traceparent } from "./traceparent.ts";
import { capabilities, datasetRef } from "./workers.ts";

export const SUBPROTOCOL = "ktrdr.v1";
/** versions.ts lists the changes of each version, and adapts messages for older nodes. */
export const PROTOCOL_VERSION = 2;
export const HEARTBEAT_REQUEST = "ping";
export const HEARTBEAT_RESPONSE = "pong";

/** Reasons for which the registry closes a socket. */
export const CLOSE_CODES = {
  /** A newer connection of the same worker took over; do not reconnect from this one. */
  superseded: 4001,
  /** The credential was revoked or the worker removed: enrol again. */
  revoked: 4003,
  /** The node's protocol version is not spoken here: too old, or newer than the control plane. The reason says which. */
  unsupported: 4010,
  /** Too many messages that could not be understood. */
  misbehaving: 4008,
  /** The control plane is going away; reconnect with backoff. */
  goingAway: 1001,
} as const;

export const lease = z.strictObject({ operationId, attempt: z.int().min(1) });
export type Lease = z.infer<typeof lease>;

export const nodeMessage = z.discriminatedUnion("type", [
  /** First on every connection. `leases` are the attempts that still run, or whose end is not acknowledged. */
  z.strictObject({
    type: z.literal("hello"),
    protocolVersion: z.int().min(1),
    /** Higher than that of every earlier connection of this worker: `epoch` of the registration, plus one a connection. */
    epoch: z.int().min(1),
    softwareVersion: z.string().max(40),
    capabilities,
    leases: z.array(lease).max(1000),
    draining: z.boolean().default(false),
  }),
  z.strictObject({ type: z.literal("capabilities"), capabilities }),
  /** More of what `hello` or `capabilities` began to list: both carry as many datasets as fit a frame. */
  z.strictObject({ type: z.literal("datasets"), datasets: z.array(datasetRef).max(LIMITS.messageDatasets) }),
  z.strictObject({ type: z.literal("accept"), ...lease.shape }),
  /** Turns the operation down; another worker is tried. */
  z.strictObject({ type: z.literal("reject"), ...lease.shape, reason: z.string().max(500) }),
  z.strictObject({ type: z.literal("progress"), ...lease.shape, progress }),
  z.strictObject({ type: z.literal("log"), ...lease.shape, lines: z.array(z.string().max(2000)).max(100) }),
  z.strictObject({ type: z.literal("checkpoint"), ...lease.shape, sha256, bytes: z.int().min(0) }),
  z.strictObject({ type: z.literal("complete"), ...lease.shape, result: operationResult }),
  z.strictObject({ type: z.literal("fail"), ...lease.shape, error: problemDetails, retryable: z.boolean() }),
  /** The attempt was stopped as asked, or because the node shuts down. Like `complete` and `fail`, it is repeated until acknowledged. */
  z.strictObject({ type: z.literal("stopped"), ...lease.shape, reason: z.enum(["cancelled", "shutdown"]) }),
  z.strictObject({ type: z.literal("drain"), draining: z.boolean() }),
]);
export type NodeMessage = z.infer<typeof nodeMessage>;

/** The messages that end an attempt, which a node repeats until they are acknowledged. */
export type EndReport = Extract<NodeMessage, { type: "complete" | "fail" | "stopped" }>;

export function endsAttempt(message: NodeMessage): message is EndReport {
  return message.type === "complete" || message.type === "fail" || message.type === "stopped";
}

export const registryMessage = z.discriminatedUnion("type", [
  /** Answer to `hello`: the leases that live on; the node stops all others. */
  z.strictObject({
    type: z.literal("welcome"),
    epoch: z.int(),
    leases: z.array(lease),
    heartbeatIntervalMs: z.int().min(1),
  }),
  /** `dataset`: the bars that the spec asks for are in the store as this artefact; a node that lacks them fetches them. */
  z.strictObject({
    type: z.literal("assign"),
    ...lease.shape,
    spec: operationSpec,
    checkpoint: sha256.nullable(),
    dataset: datasetRef.optional(),
    /** The same for a spec that asks for several, in their order; null for bars that the store does not have. */
    datasets: z.array(sha256.nullable()).optional(),
    /** Names the attempt's span (W3C Trace Context), where the operation is traced. Since version 2. */
    traceparent: traceparent.optional(),
  }),
  /** Stop this attempt and answer `stopped`. */
  z.strictObject({ type: z.literal("cancel"), ...lease.shape }),
  /** This attempt is no longer yours: stop it, forget it. */
  z.strictObject({ type: z.literal("stale"), ...lease.shape }),
  /** The end of this attempt is durable: forget it. */
  z.strictObject({ type: z.literal("acknowledge"), ...lease.shape }),
  /** A message was refused; `reason` says why. */
  z.strictObject({ type: z.literal("refused"), reason: z.string() }),
  z.strictObject({ type: z.literal("goodbye"), reason: z.string() }),
]);
export type RegistryMessage = z.infer<typeof registryMessage>;
