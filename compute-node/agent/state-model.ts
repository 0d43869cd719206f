/**
 * A compute node's knowledge as plain values: the types that `state.ts` works on. No socket, no clock, no thread.
 * All times are monotonic milliseconds of this process; only their differences mean anything.
 */

import type { BackoffRange } from "../../client/backoff.ts";
import type {
  Capabilities,
  DatasetRef,
  EndReport,
  Lease,
  NodeMessage,
  OperationResult,
  OperationSpec,
  Problem,
  ProblemDetails,
  Progress,
  RegistryMessage,
} from "../../protocol/index.ts";
import type { JobLog } from "./job-log.ts";

/**
 * The life of the connection:
 * - `idle`: before `start`. Nothing is open, no timer runs.
 * - `enrolling`: the shell exchanges a token or a credential over HTTPS. Ends with `enrolled` or `enrolment-failed`.
 * - `resting`: nothing is open; at `until` the node goes on with `next`.
 * - `connecting`: the shell opens socket number `epoch`. Ends with `opened` or `closed`, or at `deadlineAt`.
 * - `greeting`: `hello` was sent with the leases of `reported`; ends with `welcome`, with `closed`, or at `deadlineAt`.
 *   An assignment that overtakes the welcome is taken; the welcome then says nothing about it.
 * - `connected`: welcomed. A heartbeat goes out at `pingAt`; when nothing at all was heard by `deadAt` the line is dead.
 * - `gone`: `exit` was asked of the shell; every later event is ignored.
 * Events name the socket that they come from; those of an older one are ignored. The node rests after every loss, and
 * never stops trying unless another process took its place or its credential ended with no token to get a new one.
 */
type Connection =
  | { phase: "idle" }
  | { phase: "enrolling"; fresh: boolean }
  | { phase: "resting"; until: number; next: NextTry }
  | { phase: "connecting"; deadlineAt: number }
  | { phase: "greeting"; deadlineAt: number; reported: ReadonlySet<string> }
  | {
      phase: "connected";
      since: number;
      heartbeatIntervalMs: number;
      pingAt: number;
      deadAt: number;
      /** The last deadline was met late, by a process that had been frozen or starved: the line gets one more ping. */
      doubted: boolean;
    }
  | { phase: "gone" };

/** `fresh`: with the enrolment token, since the stored credential ended. */
export type NextTry = { type: "connect" } | { type: "enrol"; fresh: boolean };

/**
 * The life of a lease on the node:
 * - `waiting`: accepted; a stopped job still occupies its slot for a moment. Starts as soon as that ends.
 * - `running`: a job thread works on it.
 * - `stopping`: the thread was told to stop; it holds its slot until it has ended. `report` says what follows: the
 *   registry is told `stopped`, or (false) nobody, since the lease was lost.
 * - `parting`: the node shuts down, and the training run was told to save and stop. Ends as `stopped` once the run has
 *   ended and its checkpoint is told, or at `until`. Holds its slot.
 * - `uploading`: the job ended well; its bytes are on their way. Holds no slot. `retryAt` is null during an attempt.
 * - `ended`: `report` (`complete`, `fail` or `stopped`) is sent, and sent again after each reconnect and at `resendAt`,
 *   until the registry acknowledges it or calls it stale.
 * Only the registry makes a node forget a lease: by `acknowledge`, `stale`, a `welcome` that does not list it, or a newer
 * attempt of the same operation.
 */
export type Stage =
  | { name: "waiting" }
  | { name: "running" }
  | { name: "stopping"; report: boolean }
  | { name: "parting"; until: number; jobEnded: boolean }
  | { name: "uploading"; result: OperationResult; failures: number; retryAt: number | null }
  | { name: "ended"; report: EndReport; sends: number; resendAt: number };

/** A training run's checkpoints on their way: at most one is uploaded at a time, and only the newest counts. */
interface CheckpointTraffic {
  uploading: boolean;
  /** A newer one was made since the upload began. */
  newer: boolean;
  /** Stored, and not told to the registry, since nobody would have heard. */
  untold: CheckpointRef | null;
}

interface CheckpointRef {
  readonly sha256: string;
  readonly bytes: number;
}

export interface Holding extends Lease {
  readonly spec: OperationSpec;
  /** The store's version of the market data that the spec asks for. */
  readonly dataset: DatasetRef | null;
  /** For an operation that reads several datasets: the store's version of each, in the order of the spec. */
  readonly datasets?: readonly (string | null)[];
  /** Where the attempt before this one was. */
  readonly checkpoint: string | null;
  /** The `traceparent` of the attempt's span, when the operation is traced. */
  readonly traceparent: string | null;
  readonly checkpoints: CheckpointTraffic;
  stage: Stage;
  /** Newest progress, not sent yet. */
  unsentProgress: Progress | null;
  /** Earliest moment for the next progress message. */
  progressAt: number;
  /** Lines that are not sent yet; the last of them go out before the report of the end. */
  readonly log: JobLog;
}

export interface AgentConfig {
  readonly workerId: string;
  readonly softwareVersion: string;
  /** An enrolment token is at hand, for when the credential ends. */
  readonly canEnrolAgain: boolean;
  readonly backoff: BackoffRange;
  /** For the handshake, and again for the welcome. */
  readonly greetingTimeoutMs: number;
  /** Time after a heartbeat in which the line may stay silent. */
  readonly heartbeatTimeoutMs: number;
  /** Least time between two progress messages of one job. */
  readonly progressIntervalMs: number;
  /** Least time between two log messages of one job, and how long the first line waits for others. */
  readonly logIntervalMs: number;
  /** First wait for an acknowledgement; doubles with each resend, up to the longest. */
  readonly resend: BackoffRange;
  /** Time that a shutdown waits for acknowledgements. */
  readonly shutdownMs: number;
  /** Time that it waits before that for the last checkpoints of training runs. */
  readonly lastCheckpointMs: number;
}

export interface AgentState {
  readonly config: AgentConfig;
  capabilities: Capabilities;
  connection: Connection;
  /** Number of the newest socket; each connection takes the next one. */
  epoch: number;
  /** Connections or enrolments that failed in a row. */
  failures: number;
  draining: boolean;
  /** Leave as soon as nothing is held. */
  exitWhenDrained: boolean;
  /** Set by `shutdown`: leave by then at the latest. */
  leaveAt: number | null;
  /** By `leaseKey`. */
  readonly holdings: Map<string, Holding>;
  /** Operation → newest attempt that was forgotten, so that a repeated assignment starts nothing. Bounded. */
  readonly forgotten: Map<string, number>;
  readonly counters: { unreadableMessages: number; refusedMessages: number; ignoredAssignments: number };
}

export type JobOutcome =
  | { type: "result"; result: OperationResult }
  | { type: "failed"; error: ProblemDetails; retryable: boolean }
  | { type: "stopped" };

export type UploadOutcome =
  | { type: "stored" }
  /** Worth another try: no answer, or a fault of the server. */
  | { type: "unreachable"; cause: string }
  /** The answer will not change. */
  | { type: "refused"; error: ProblemDetails; retryable: boolean };

export type AgentEvent =
  | { type: "start" }
  | { type: "tick" }
  | { type: "enrolled"; epoch: number }
  | { type: "enrolment-failed"; problem: Problem; final: boolean }
  | { type: "opened"; epoch: number }
  /** Also a socket that never opened; then `httpStatus` is the status of the handshake's answer, if there was one. */
  | { type: "closed"; epoch: number; code: number; reason: string; httpStatus?: number }
  | { type: "pong"; epoch: number }
  | { type: "message"; epoch: number; message: RegistryMessage }
  | { type: "unreadable"; epoch: number; reason: string }
  /** The market data on this node changed. */
  | { type: "datasets"; datasets: readonly DatasetRef[] }
  | { type: "progress"; lease: Lease; progress: Progress }
  | { type: "log"; lease: Lease; lines: readonly string[] }
  /** A training run made a checkpoint; the shell keeps the bytes of its newest. */
  | { type: "checkpoint-made"; lease: Lease }
  | { type: "checkpoint-uploaded"; lease: Lease; checkpoint: CheckpointRef; outcome: UploadOutcome }
  | { type: "job-ended"; lease: Lease; outcome: JobOutcome }
  | { type: "uploaded"; lease: Lease; outcome: UploadOutcome }
  | { type: "drain"; draining: boolean; exitWhenDrained: boolean }
  | { type: "shutdown" };

export type AgentEffect =
  /** Register over HTTPS; answered by `enrolled` or `enrolment-failed`. `fresh`: the stored credential ended. */
  | { type: "enrol"; fresh: boolean }
  | { type: "connect"; epoch: number }
  /** One frame. */
  | { type: "send"; epoch: number; messages: NodeMessage[] }
  | { type: "ping"; epoch: number }
  | { type: "disconnect"; epoch: number; reason: string }
  /** Bars that `dataset` names and that are not here are fetched first. */
  | {
      type: "start-job";
      lease: Lease;
      spec: OperationSpec;
      dataset: DatasetRef | null;
      datasets?: readonly (string | null)[];
      /** Where the attempt before was: fetched first as well. */
      checkpoint?: string;
    }
  /** Answered by `job-ended`, within the shell's grace; with `save` after a last checkpoint, whenever that is made. */
  | { type: "stop-job"; lease: Lease; save?: true }
  /** Upload the newest checkpoint; answered by `checkpoint-uploaded`. */
  | { type: "upload-checkpoint"; lease: Lease }
  /** Upload the bytes of the job's result; answered by `uploaded`. */
  | { type: "upload"; lease: Lease; result: OperationResult }
  /** The bytes and any upload of this lease are of no use any more. */
  | { type: "discard"; lease: Lease }
  /** A line for the log; `lease` says which attempt it is about. */
  | {
      type: "note";
      level: "info" | "warn" | "error";
      message: string;
      lease?: Lease;
      details?: Record<string, unknown>;
    }
  /** Stop everything and leave; nothing may follow. */
  | { type: "exit"; code: number; problem: Problem | null };

export function leaseKey(lease: Lease): string {
  return `${lease.operationId}#${lease.attempt}`;
}

export function leaseOf(lease: Lease): Lease {
  return { operationId: lease.operationId, attempt: lease.attempt };
}

/** One call of `step`: its inputs, and the effects that it gathers. */
export interface Turn {
  readonly state: AgentState;
  readonly now: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly effects: AgentEffect[];
  /** Messages of this turn, sent as one frame at its end. */
  readonly outgoing: NodeMessage[];
}
