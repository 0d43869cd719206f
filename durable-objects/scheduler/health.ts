/**
 * What time alone changes: heartbeats that stay away, leases that expire, delays that pass, workers that are forgotten.
 * One alarm serves all of it; `nextDueAt` says when.
 */
import { HOUR_MS } from "../../protocol/durations.ts";
import { nextCollectionAt, releaseArtefact } from "./artefact-index.ts";
import { leaseMs, type RegistryConfig } from "./config.ts";
import { count } from "./counters.ts";
import { assign, storedDatasets } from "./dispatch.ts";
import { forgetEvents } from "./event-log.ts";
import { finishStopped, loseLease } from "./leases.ts";
import { type State, sendTo } from "./state.ts";
import { recordWorkerMoment } from "./worker-history.ts";
import type { LeaseRecord, WorkerRecord } from "./worker-record.ts";

/** When the runtime last answered a worker's heartbeat, by worker; it answers without waking the registry. */
export type Heartbeats = (workerId: string) => number | null;

/** How often an assignment is sent before the operation goes to another worker. */
const ASSIGNMENT_SENDS = 3;

const SEEN_WRITTEN_MS = HOUR_MS;

export function checkHealth(state: State, heartbeats: Heartbeats, now: number): void {
  for (const worker of state.workers.all()) {
    if (worker.connected) checkConnected(state, worker, heartbeats(worker.workerId), now);
    expireLeases(state, worker, now);
    resendUnanswered(state, worker, now);
    removeForgotten(state, worker, now);
  }
  enforceDeadlines(state, now);
}

/**
 * A check that finds nothing new is kept in memory alone: while work goes on there is one for each worker every ten
 * seconds. Memory may be lost at any time; a connection that outlives it knows when the runtime last answered its
 * heartbeat, and without a connection time counts from its end.
 */
function checkConnected(state: State, worker: WorkerRecord, heartbeatAt: number | null, now: number): void {
  const { healthIntervalMs, healthTimeoutMs, failureThreshold } = state.config;
  const { workerId, healthFailures: failuresBefore, lastHealthCheckAt: checkedBefore } = worker;
  const seenAt = Math.max(worker.lastSeenAt ?? 0, heartbeatAt ?? 0);
  if (now - seenAt <= healthIntervalMs + healthTimeoutMs) worker.healthFailures = 0;
  else {
    const silentMs = now - seenAt - healthTimeoutMs;
    worker.healthFailures = Math.max(failuresBefore, Math.floor(silentMs / healthIntervalMs));
  }
  worker.lastSeenAt = seenAt;
  worker.lastHealthCheckAt = now;
  if (worker.healthFailures !== failuresBefore || isOtherHour(now, checkedBefore)) state.workers.putHealth(worker);
  if (failuresBefore < failureThreshold && worker.healthFailures >= failureThreshold) {
    recordWorkerMoment(state.sql, workerId, "unhealthy", now, `${worker.healthFailures} heartbeats missed`);
  } else if (failuresBefore >= failureThreshold && worker.healthFailures === 0) {
    recordWorkerMoment(state.sql, workerId, "recovered", now);
  }
}

/** Once in an hour the last sign of life is written all the same: what people are shown after a crash is not much older. */
function isOtherHour(now: number, before: number | null): boolean {
  return before === null || Math.floor(now / SEEN_WRITTEN_MS) !== Math.floor(before / SEEN_WRITTEN_MS);
}

/** When this worker's leases end if it stays away. */
export function leaseExpiresAt(worker: WorkerRecord, lease: LeaseRecord, config: RegistryConfig): number {
  if (!worker.connected) {
    const graceMs = worker.lostByOutage ? config.outageGraceMs : config.graceMs;
    return Math.max(worker.disconnectedAt ?? 0, lease.assignedAt) + graceMs;
  }
  return Math.max(worker.lastSeenAt ?? 0, lease.assignedAt) + leaseMs(config);
}

function expireLeases(state: State, worker: WorkerRecord, now: number): void {
  for (const lease of [...worker.leases.values()]) {
    if (leaseExpiresAt(worker, lease, state.config) > now) continue;
    const reason = worker.connected ? "lost: no heartbeat" : "lost: the connection closed and did not come back";
    loseLease(state, worker, lease.operationId, reason, now);
    state.observations.push(["leases_expired", 1]);
    if (worker.connected) sendStale(state, worker, lease);
  }
}

function sendStale(state: State, worker: WorkerRecord, lease: LeaseRecord): void {
  sendTo(state, worker, { type: "stale", operationId: lease.operationId, attempt: lease.attempt });
}

/** Messages do get lost: an assignment without `accept`, a cancellation without `stopped`. */
function resendUnanswered(state: State, worker: WorkerRecord, now: number): void {
  if (!worker.connected) return;
  for (const lease of [...worker.leases.values()]) {
    if (lease.accepted && !lease.stopping) continue;
    if (now - lease.lastSentAt < state.config.acceptTimeoutMs) continue;
    if (!lease.accepted && lease.sends >= ASSIGNMENT_SENDS) {
      loseLease(state, worker, lease.operationId, "lost: the assignment was never accepted", now);
      sendStale(state, worker, lease);
      continue;
    }
    lease.sends += 1;
    lease.lastSentAt = now;
    const { operationId, attempt } = lease;
    if (lease.stopping) {
      sendTo(state, worker, { type: "cancel", operationId, attempt });
    } else {
      const operation = state.operations.get(operationId)!;
      const stored = storedDatasets(state, state.classes.requirement(operation.classId));
      assign(state, worker, operation, attempt, stored);
    }
  }
}

function removeForgotten(state: State, worker: WorkerRecord, now: number): void {
  if (removalAt(worker, state.config) > now || worker.leases.size > 0) return;
  if (worker.connected) {
    state.effects.push({
      type: "close",
      workerId: worker.workerId,
      epoch: worker.epoch,
      code: 1001,
      reason: "no heartbeat for too long",
    });
  }
  recordWorkerMoment(state.sql, worker.workerId, "removed", now, "it stayed away for too long");
  state.workers.remove(worker);
}

function removalAt(worker: WorkerRecord, config: RegistryConfig): number {
  const lastSign = Math.max(worker.lastSeenAt ?? 0, worker.registeredAt, worker.disconnectedAt ?? 0);
  return lastSign + config.removalMs;
}

function enforceDeadlines(state: State, now: number): void {
  for (const operation of state.operations.overdue(now)) {
    state.operations.update(operation, { stopReason: "deadline" });
    if (operation.status === "queued") {
      finishStopped(state, { ...operation, stopReason: "deadline" }, now);
      continue;
    }
    const worker = state.workers.get(operation.workerId!)!;
    const lease = worker.leases.get(operation.operationId)!;
    lease.stopping = true;
    lease.lastSentAt = now;
    if (!worker.connected) continue;
    const { operationId, attempt } = operation;
    sendTo(state, worker, { type: "cancel", operationId, attempt });
  }
}

/** Finished operations beyond the configured age or count, oldest first, a bounded number at a time. */
export function removeExpired(state: State, now: number): { removed: number; more: boolean } {
  const { retentionMs, retentionCount, retentionStep } = state.config;
  const surplus = Math.max(0, state.operations.finishedCount() - retentionCount);
  const oldest = (untilMs: number, limit: number): { operation_id: string; artefact: string | null }[] =>
    state.sql.all(
      "SELECT operation_id, artefact FROM operations WHERE finished_at IS NOT NULL AND finished_at <= ? ORDER BY finished_at LIMIT (? | 0)",
      untilMs,
      limit,
    );
  const aged = oldest(now - retentionMs, retentionStep);
  const doomed = surplus > aged.length ? oldest(Number.MAX_SAFE_INTEGER, Math.min(surplus, retentionStep)) : aged;
  for (const row of doomed) {
    state.operations.remove(row.operation_id);
    forgetEvents(state.sql, row.operation_id);
    if (row.artefact !== null) releaseArtefact(state.sql, row.artefact, now);
  }
  if (doomed.length > 0) count(state.sql, "operations_removed", doomed.length);
  return { removed: doomed.length, more: doomed.length === retentionStep };
}

/** What operations asked for that are gone, a bounded number at a time. */
export function removeUnusedClasses(state: State): void {
  const { classesKept, retentionStep } = state.config;
  if (state.classes.size <= classesKept) return;
  state.classes.removeUnused(state.operations.runningClasses(), classesKept, retentionStep);
}

/** The earliest moment at which time alone changes something, or null: then the object may sleep until it is called. */
export function nextDueAt(state: State, now: number): number | null {
  const { config } = state;
  const moments: number[] = [];
  const isAnythingQueued = !state.classes.queued().next().done;
  for (const worker of state.workers.all()) {
    for (const lease of worker.leases.values()) {
      moments.push(leaseExpiresAt(worker, lease, config));
      if (worker.connected && (!lease.accepted || lease.stopping))
        moments.push(lease.lastSentAt + config.acceptTimeoutMs);
    }
    if (worker.connected && (worker.leases.size > 0 || (worker.healthFailures > 0 && isAnythingQueued))) {
      moments.push((worker.lastHealthCheckAt ?? now) + config.healthIntervalMs);
    }
    // A worker that holds leases is not removed; the end of the last of them comes first.
    if (worker.leases.size === 0) moments.push(removalAt(worker, config));
  }
  moments.push(...state.operations.nextMoments(now, config));
  const collectionAt = nextCollectionAt(state.sql);
  if (collectionAt !== null) moments.push(collectionAt);
  return moments.length === 0 ? null : Math.max(now + 1, Math.min(...moments));
}
