/** Ends leases whose worker stays away, and repeats messages about leases that a worker has not answered. */
import { leaseMs, type RegistryConfig } from "./config.ts";
import { assign, storedDatasets } from "./dispatch.ts";
import { loseLease } from "./leases.ts";
import { type State, sendTo } from "./state.ts";
import type { LeaseRecord, WorkerRecord } from "./worker-record.ts";

/** The number of times that an assignment is sent before the operation goes to another worker. */
const ASSIGNMENT_SENDS = 3;

/** Returns the moment at which the lease ends if its worker stays away. */
export function leaseExpiresAt(worker: WorkerRecord, lease: LeaseRecord, config: RegistryConfig): number {
  if (!worker.connected) {
    const graceMs = worker.lostByOutage ? config.outageGraceMs : config.graceMs;
    return Math.max(worker.disconnectedAt ?? 0, lease.assignedAt) + graceMs;
  }
  return Math.max(worker.lastSeenAt ?? 0, lease.assignedAt) + leaseMs(config);
}

/** Takes back every lease that has expired. */
export function expireLeases(state: State, worker: WorkerRecord, now: number): void {
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

/** Sends lost messages again: an assignment without `accept`, a cancellation without `stopped`. */
export function resendUnanswered(state: State, worker: WorkerRecord, now: number): void {
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
