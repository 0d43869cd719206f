/** Handles the messages of nodes: each changes state and may ask for messages back. */
import {
  type Capabilities,
  CLOSE_CODES,
  type DatasetRef,
  endsAttempt,
  type Lease,
  LIMITS,
  type NodeMessage,
  type OperationResult,
  Problem,
  type Refusal,
  TERMINAL_STATUSES,
  versionRefusal,
} from "../../protocol/index.ts";
import { hasArtefact, keepArtefact, releaseArtefact } from "./artefact-index.ts";
import { heartbeatIntervalMs } from "./config.ts";
import { count } from "./counters.ts";
import { recordEvent, recordLogLines, tellProgress } from "./event-log.ts";
import { completeLease, endAttempt, heldLease, loseLease, rejectLease } from "./leases.ts";
import { closeConnection, type State, sendTo } from "./state.ts";
import { recordWorkerMoment } from "./worker-history.ts";
import type { WorkerRecord } from "./worker-record.ts";

export type Hello = Extract<NodeMessage, { type: "hello" }>;

/** A message that a node may send after its `hello`. */
export type LaterMessage = Exclude<NodeMessage, { type: "hello" }>;

/** Makes the connection the worker's own and agrees on its leases, or answers why not. A repeated `hello` changes nothing. */
export function greet(state: State, worker: WorkerRecord, message: Hello, now: number): Refusal | null {
  const { protocolVersion: version, epoch } = message;
  if (epoch === worker.epoch && worker.connected) return null;
  if (epoch <= worker.epoch) {
    return { code: CLOSE_CODES.superseded, reason: "a newer connection of this worker is in use" };
  }
  const refusal = versionRefusal(version, state.config.oldestProtocolVersion);
  if (refusal !== null) {
    refuse(state, worker, { version, epoch, refusal }, now);
    return refusal;
  }
  if (worker.connected) {
    closeConnection(state, worker, CLOSE_CODES.superseded, "a newer connection of this worker took over");
  }
  if (worker.lastSeenAt !== null) count(state.sql, "reconnections");
  adopt(worker, message, now);
  state.workers.put(worker);
  recordWorkerMoment(state.sql, worker.workerId, "connected", now, `epoch ${message.epoch}`);
  reconcile(state, worker, message.leases, now);
  return null;
}

/**
 * Refuses a node that speaks another version. Its leases are lost at once, since it can report nothing of them. It stays in the
 * list of workers, with the reason, for as long as it knocks.
 */
export function refuse(
  state: State,
  worker: WorkerRecord,
  { version, epoch, refusal }: { version: number; epoch: number; refusal: Refusal },
  now: number,
): void {
  if (worker.connected) {
    closeConnection(state, worker, CLOSE_CODES.superseded, "a newer connection of this worker was refused");
  }
  for (const operationId of [...worker.leases.keys()]) {
    loseLease(state, worker, operationId, `lost: the node was refused (${refusal.reason})`, now);
  }
  if (worker.refusal !== refusal.reason) {
    recordWorkerMoment(state.sql, worker.workerId, "refused", now, refusal.reason);
  }
  worker.epoch = epoch;
  worker.connected = false;
  worker.disconnectedAt = now;
  worker.protocolVersion = version;
  worker.refusal = refusal.reason;
  state.workers.put(worker);
}

/** Answers whether something may be handed out now that could not before. */
export function hear(state: State, worker: WorkerRecord, message: LaterMessage, now: number): boolean {
  switch (message.type) {
    case "capabilities":
      renewCapabilities(state, worker, message.capabilities, now);
      return true;
    case "datasets":
      addDatasets(state, worker, message.datasets);
      return true;
    case "drain":
      worker.draining = message.draining;
      state.workers.putHealth(worker);
      recordWorkerMoment(state.sql, worker.workerId, message.draining ? "draining" : "resumed", now, "by the node");
      return true;
    default:
      return about(state, worker, message, now);
  }
}

function renewCapabilities(state: State, worker: WorkerRecord, capabilities: Capabilities, now: number): void {
  worker.capabilities = capabilities;
  state.workers.put(worker);
  const surplus = [...worker.leases.values()].slice(capabilities.slots);
  for (const lease of surplus) {
    loseLease(state, worker, lease.operationId, "lost: the node offers fewer slots", now);
    sendTo(state, worker, { type: "stale", operationId: lease.operationId, attempt: lease.attempt });
  }
}

/** Takes the rest of a list that one frame does not carry. A repeated entry changes nothing. */
function addDatasets(state: State, worker: WorkerRecord, more: readonly DatasetRef[]): void {
  const { datasets } = worker.capabilities;
  const known = new Set(datasets.map(({ symbol, timeframe }) => `${symbol} ${timeframe}`));
  const added = more.filter(({ symbol, timeframe }) => !known.has(`${symbol} ${timeframe}`));
  if (datasets.length + added.length > LIMITS.workerDatasets) {
    const count = datasets.length + added.length;
    throw new Problem("too-large", `${count} datasets are over the limit of ${LIMITS.workerDatasets} of one worker.`);
  }
  worker.capabilities = { ...worker.capabilities, datasets: [...datasets, ...added] };
  state.workers.put(worker);
}

/** Handles a message about one attempt, if its fencing token is the present one. Answers whether it freed the lease. */
function about(
  state: State,
  worker: WorkerRecord,
  message: Exclude<LaterMessage, { type: "capabilities" | "datasets" | "drain" }>,
  now: number,
): boolean {
  const lease = heldLease(worker, message);
  if (lease === undefined) {
    settle(state, worker, message, endsAttempt(message));
    return false;
  }
  const { operationId, attempt } = message;
  // The end of an attempt says all that an acceptance would have said.
  if (!lease.accepted && !endsAttempt(message) && message.type !== "reject") {
    lease.accepted = true;
    state.operations.update({ operationId, status: "running" }, { accepted: true });
    recordEvent(state, operationId, "accepted", now, { worker_id: worker.workerId, attempt });
  }
  if (message.type === "accept") return false;
  if (message.type === "complete" && !resultIsStored(state, message.result, now)) {
    // Nobody has the bytes any more: they were collected while the node was away, or never sent. It runs again.
    count(state.sql, "messages_refused");
    loseLease(state, worker, operationId, "lost: the result's bytes are not in the store", now);
    sendTo(state, worker, { type: "stale", operationId, attempt });
    return true;
  }
  if (message.type === "complete") {
    completeLease(state, worker, lease, message.result, now);
    sendTo(state, worker, { type: "acknowledge", operationId, attempt });
    return true;
  }
  if (message.type === "progress") {
    state.operations.keepProgress(operationId, message.progress);
    tellProgress(state, operationId, message.progress, now);
    return false;
  }
  if (message.type === "log") {
    recordLogLines(state, operationId, attempt, message.lines, now);
    return false;
  }
  const operation = state.operations.get(operationId)!;
  switch (message.type) {
    case "checkpoint":
      if (!hasArtefact(state.sql, message.sha256, now)) return false;
      if (operation.checkpoint !== null) releaseArtefact(state.sql, operation.checkpoint, now);
      keepArtefact(state.sql, message.sha256);
      lease.checkpoint = message.sha256;
      state.operations.update(operation, { checkpoint: message.sha256 });
      recordEvent(state, operationId, "checkpoint", now, { attempt, sha256: message.sha256 });
      return false;
    case "reject":
      rejectLease(state, worker, operation, message.reason, now);
      break;
    case "fail":
    case "stopped":
      endAttempt(state, worker, operation, message, now);
      sendTo(state, worker, { type: "acknowledge", operationId, attempt });
      break;
  }
  return true;
}

function resultIsStored(state: State, result: OperationResult, now: number): boolean {
  return result.sha256 === null || hasArtefact(state.sql, result.sha256, now);
}

function adopt(worker: WorkerRecord, message: Extract<NodeMessage, { type: "hello" }>, now: number): void {
  worker.epoch = message.epoch;
  worker.connected = true;
  worker.draining = message.draining;
  worker.softwareVersion = message.softwareVersion;
  worker.protocolVersion = message.protocolVersion;
  worker.refusal = null;
  worker.capabilities = message.capabilities;
  worker.lastSeenAt = now;
  worker.lastHealthCheckAt = now;
  worker.healthFailures = 0;
  worker.disconnectedAt = null;
  worker.lostByOutage = false;
}

function reconcile(state: State, worker: WorkerRecord, claims: readonly Lease[], now: number): void {
  const claimed = new Map(claims.map((claim) => [claim.operationId, claim.attempt]));
  for (const lease of [...worker.leases.values()]) {
    if (claimed.get(lease.operationId) !== lease.attempt) {
      loseLease(state, worker, lease.operationId, "lost: the node came back without it", now);
    } else if (!lease.accepted) {
      lease.accepted = true;
      state.operations.update({ operationId: lease.operationId, status: "running" }, { accepted: true });
    }
  }
  const surplus = [...worker.leases.values()].slice(worker.capabilities.slots);
  for (const lease of surplus)
    loseLease(state, worker, lease.operationId, "lost: the node came back with fewer slots", now);
  const kept = [...worker.leases.values()].map(({ operationId, attempt }) => ({ operationId, attempt }));
  const heartbeatMs = heartbeatIntervalMs(state.config);
  sendTo(state, worker, { type: "welcome", epoch: worker.epoch, leases: kept, heartbeatIntervalMs: heartbeatMs });
  for (const claim of claims) {
    if (heldLease(worker, claim) === undefined) settle(state, worker, claim, true);
  }
  for (const lease of worker.leases.values()) {
    if (!lease.stopping) continue;
    lease.lastSentAt = now;
    sendTo(state, worker, { type: "cancel", operationId: lease.operationId, attempt: lease.attempt });
  }
}

/** Tells a worker the state of an attempt that it does not hold (any more). */
function settle(state: State, worker: WorkerRecord, claim: Lease, reportsEnd: boolean): void {
  const { operationId, attempt } = claim;
  const operation = state.operations.get(operationId);
  const ended = operation !== undefined && TERMINAL_STATUSES.includes(operation.status);
  const own = ended && operation.attempt === attempt && operation.workerId === worker.workerId && reportsEnd;
  if (!own) count(state.sql, "messages_stale");
  sendTo(state, worker, { type: own ? "acknowledge" : "stale", operationId, attempt });
}
