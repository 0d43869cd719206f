/**
 * Ends leases: with a result, with a failure, by a rejection, or because they are lost.
 *
 * Each function checks the fencing token first: an attempt that is not the operation's present one changes nothing.
 */
import type { Lease, OperationResult, ProblemDetails } from "../../protocol/index.ts";
import { MODEL_MEDIA_TYPE, modelNameOf, operationSpec, Problem, wire } from "../../protocol/index.ts";
import { keepArtefact, releaseArtefact } from "./artefact-index.ts";
import { count } from "./counters.ts";
import { recordEvent } from "./event-log.ts";
import { publishModel } from "./model-index.ts";
import type { Evidence, OperationRecord } from "./operation-record.ts";
import type { State } from "./state.ts";
import { recordWorkerMoment } from "./worker-history.ts";
import type { LeaseRecord, WorkerRecord } from "./worker-record.ts";

const specWire = wire(operationSpec);

/** The end of an attempt without a result, as its node reports it. */
type Ending =
  | { readonly type: "fail"; readonly error: ProblemDetails; readonly retryable: boolean }
  | { readonly type: "stopped"; readonly reason: "cancelled" | "shutdown" };

/** Finds the lease that `claim` names, if it is the worker's own and the attempt is the present one. */
export function heldLease(worker: WorkerRecord, claim: Lease): LeaseRecord | undefined {
  const lease = worker.leases.get(claim.operationId);
  return lease?.attempt === claim.attempt ? lease : undefined;
}

/** Ends an attempt that has no result. The caller has checked that `worker` holds the lease. */
export function endAttempt(
  state: State,
  worker: WorkerRecord,
  operation: OperationRecord,
  ending: Ending,
  now: number,
): void {
  worker.leases.delete(operation.operationId);
  switch (ending.type) {
    case "fail":
      if (operation.stopReason !== null) finishStopped(state, operation, now);
      else if (ending.retryable) {
        lose(state, operation, worker.workerId, `failed: ${ending.error.detail}`, ending.error, now);
      } else finish(state, operation, { status: "failed", error: ending.error }, now);
      break;
    case "stopped":
      if (operation.stopReason !== null) finishStopped(state, operation, now);
      else requeue(state, operation, { notBefore: now }, now);
      break;
  }
}

/**
 * Takes an operation back from a worker that is gone. After the first loss it is queued at once, after later ones it waits twice
 * as long each time. After `maxAttempts` losses it is quarantined: failed, with the evidence.
 */
export function loseLease(state: State, worker: WorkerRecord, operationId: string, reason: string, now: number): void {
  worker.leases.delete(operationId);
  count(state.sql, "leases_lost");
  recordWorkerMoment(state.sql, worker.workerId, "lost", now, `${operationId}: ${reason}`);
  const operation = state.operations.get(operationId)!;
  if (operation.stopReason !== null) finishStopped(state, operation, now);
  else lose(state, operation, worker.workerId, reason, null, now);
}

/**
 * Takes back an operation that the worker turned down. Another worker is asked, up to the limit; then it waits and starts over.
 * A rejection counts for `rejectionDelayMs`, since the worker that turned it down may be the only one there is.
 */
export function rejectLease(
  state: State,
  worker: WorkerRecord,
  operation: OperationRecord,
  reason: string,
  now: number,
): void {
  worker.leases.delete(operation.operationId);
  if (operation.stopReason !== null) {
    finishStopped(state, operation, now);
    return;
  }
  count(state.sql, "leases_rejected");
  const rejectedBy = [...operation.rejectedBy, worker.workerId];
  const evidence = withEvidence(operation, worker.workerId, `rejected: ${reason}`, now);
  if (rejectedBy.length < state.config.rejectionLimit)
    requeue(state, operation, { rejectedBy, evidence, notBefore: now }, now);
  else requeue(state, operation, { rejectedBy: [], evidence, notBefore: now + state.config.rejectionDelayMs }, now);
}

/** Ends a queued or running operation that was to stop and has stopped. */
export function finishStopped(state: State, operation: OperationRecord, now: number): void {
  if (operation.status === "queued") state.classes.countQueued(operation.classId, -1);
  if (operation.stopReason === "deadline") {
    const problem = new Problem("unavailable", "The operation did not end before its deadline.", {
      cure: "Submit it again with a later deadline, or with a higher priority.",
    });
    finish(state, operation, { status: "failed", error: problem.toDetails() }, now);
  } else finish(state, operation, { status: "cancelled" }, now);
}

/** Completes the operation. The lease holds everything that this needs: the row is written, not read. */
export function completeLease(
  state: State,
  worker: WorkerRecord,
  lease: LeaseRecord,
  result: OperationResult,
  now: number,
): void {
  worker.leases.delete(lease.operationId);
  if (result.mediaType === MODEL_MEDIA_TYPE && result.sha256 !== null)
    nameModel(state, lease, result.sha256, result, now);
  finish(state, { ...lease, status: "running" }, { status: "completed", result, error: null }, now);
}

/** Gives the model of a training run its name. */
function nameModel(
  state: State,
  { operationId }: LeaseRecord,
  sha256: string,
  { summary }: OperationResult,
  now: number,
): void {
  const operation = state.operations.get(operationId)!;
  const name = modelNameOf(specWire.decode(JSON.parse(operation.specText)));
  if (name !== null) publishModel(state.sql, { name, sha256, operationId, summary }, now);
}

/** Brings a running operation to its terminal status. */
function finish(
  state: State,
  operation: Pick<OperationRecord, "operationId" | "status" | "attempt" | "checkpoint">,
  end: { status: "completed" | "failed" | "cancelled"; result?: OperationResult; error?: ProblemDetails | null },
  now: number,
): void {
  state.operations.update(operation, { ...end, artefact: end.result?.sha256 ?? undefined, finishedAt: now });
  state.observations.push([`operations_${end.status}`, 1]);
  if (end.result?.sha256 != null) keepArtefact(state.sql, end.result.sha256);
  if (operation.checkpoint !== null) releaseArtefact(state.sql, operation.checkpoint, now);
  recordEvent(state, operation.operationId, end.status, now, dataOf(end, operation));
}

function dataOf(
  end: Parameters<typeof finish>[2],
  operation: Pick<OperationRecord, "attempt">,
): Record<string, unknown> {
  return {
    attempt: operation.attempt,
    ...(end.error == null ? {} : { detail: end.error.detail }),
    ...(end.result === undefined ? {} : { sha256: end.result.sha256 }),
  };
}

function lose(
  state: State,
  operation: OperationRecord,
  workerId: string,
  reason: string,
  error: ProblemDetails | null,
  now: number,
): void {
  const failures = operation.failures + 1;
  const evidence = withEvidence(operation, workerId, reason, now);
  if (failures >= operation.maxAttempts) {
    state.operations.update(operation, { evidence, failures });
    finish(state, operation, { status: "failed", error: quarantine(evidence, failures, error) }, now);
    return;
  }
  const { retryDelayMs, retryDelayMaxMs } = state.config;
  const delayMs = failures === 1 ? 0 : Math.min(retryDelayMaxMs, retryDelayMs * 2 ** (failures - 2));
  requeue(state, operation, { failures, evidence, notBefore: now + delayMs }, now);
  state.observations.push(["operations_retried", 1]);
}

function quarantine(evidence: readonly Evidence[], failures: number, error: ProblemDetails | null): ProblemDetails {
  const history = evidence.map((item) => `attempt ${item.attempt} on ${item.workerId}: ${item.reason}`);
  const last = error === null ? "" : ` The last error was: ${error.detail}`;
  return {
    ...new Problem("internal", `The operation was tried ${failures} time(s) and each attempt was lost.${last}`, {
      cure: "Look at the attempts below: one machine in all of them points to the machine, several to the operation. `ktrdr ops retry` starts it again.",
      issues: history.map((message) => ({ message })),
    }).toDetails(),
    retryable: false,
  };
}

const EVIDENCE_KEPT = 20;

function withEvidence(operation: OperationRecord, workerId: string, reason: string, atMs: number): Evidence[] {
  return [...operation.evidence, { attempt: operation.attempt, workerId, atMs, reason }].slice(-EVIDENCE_KEPT);
}

/** Returns the moment until which only the preferred worker type is taken; 0 without a preference. */
export function fallbackAt(preferWaitMs: number, now: number): number {
  return preferWaitMs === 0 ? 0 : now + preferWaitMs;
}

function requeue(
  state: State,
  operation: OperationRecord,
  change: { notBefore?: number; failures?: number; evidence?: readonly Evidence[]; rejectedBy?: readonly string[] },
  now: number,
): void {
  state.operations.update(operation, {
    ...change,
    status: "queued",
    workerId: null,
    accepted: false,
    assignedAt: null,
    progress: null,
    fallbackAt: fallbackAt(operation.requirements.preferWaitMs, now),
  });
  state.classes.countQueued(operation.classId, 1);
  const reason = change.evidence?.at(-1)?.reason ?? "stopped by its node";
  recordEvent(state, operation.operationId, "requeued", now, { attempt: operation.attempt, reason });
  count(state.sql, "operations_requeued");
}
