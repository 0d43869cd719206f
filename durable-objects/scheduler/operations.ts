/** Steps about operations: submit, cancel, retry, and the API's views of them. */
import {
  LIMITS,
  type LogLine,
  type Operation,
  type OperationDetail,
  type OperationEvent,
  type OperationSpec,
  operationSpec,
  Problem,
  type SubmitRequest,
  wire,
} from "../../protocol/index.ts";
import { dispatch, rankOf, storedDatasets } from "./dispatch.ts";
import type { Effect } from "./effect.ts";
import { eventsAfter, logLinesAfter, recordEvent } from "./event-log.ts";
import { fallbackAt, finishStopped } from "./leases.ts";
import { describeOperation, describeOperationDetail, type OperationRecord } from "./operation-record.ts";
import type { OperationFilter } from "./operation-store.ts";
import { completeRequirements, requirementOf, waitingReason } from "./requirement.ts";
import { type State, sendTo } from "./state.ts";
import type { Outcome, Steps } from "./steps.ts";
import { canTakeWork, isReachable } from "./worker-record.ts";

const specWire = wire(operationSpec);

/** The answer to a submission; a submitter asks for more where it is needed. */
export type AcceptedOperation = Pick<Operation, "operationId" | "status">;

/** One accepted submission. */
export interface Submission {
  readonly request: SubmitRequest;
  readonly operationId: string;
  /** The caller's Idempotency-Key with the hash of what it submitted, or null. */
  readonly idempotency: { readonly key: string; readonly hash: string } | null;
  /** Names the span that submits it; null where it is not traced. */
  readonly traceparent?: string | null;
}

export class Operations {
  readonly #steps: Steps;

  constructor(steps: Steps) {
    this.#steps = steps;
  }

  /** Accepts operations, all or none. The same idempotency key with the same content answers with the operation that is there. */
  submit(submissions: readonly Submission[], now: number): Outcome<AcceptedOperation[]> {
    return this.#steps.run((state) => {
      const accepted = submissions.map((submission) => this.#accept(state, submission, now));
      state.observations.push(["operations_submitted", accepted.length]);
      dispatch(state, now);
      const handedOut = assignedBy(state.effects);
      return accepted.map(({ operationId, status }) => ({
        operationId,
        status: handedOut.has(operationId) ? "running" : status,
      }));
    });
  }

  /** Cancels now when it is queued; asks its worker to stop when it runs. Cancelling what has ended changes nothing. */
  cancel(operationId: string, now: number): Outcome<Operation> {
    return this.#steps.run((state) => {
      const operation = this.#require(operationId);
      if (operation.status === "queued") {
        state.operations.update(operation, { stopReason: "cancel" });
        finishStopped(state, { ...operation, stopReason: "cancel" }, now);
      } else if (operation.status === "running" && operation.stopReason === null) {
        state.operations.update(operation, { stopReason: "cancel" });
        const worker = state.workers.get(operation.workerId!)!;
        const lease = worker.leases.get(operationId)!;
        lease.stopping = true;
        lease.lastSentAt = now;
        if (worker.connected) sendTo(state, worker, { type: "cancel", operationId, attempt: operation.attempt });
        recordEvent(state, operationId, "cancel_requested", now, { attempt: operation.attempt });
      }
      return this.#describe(state.operations.get(operationId)!);
    });
  }

  /** Queues a failed or cancelled operation again, by hand, with a fresh set of attempts. */
  retry(operationId: string, now: number): Outcome<Operation> {
    return this.#steps.run((state) => {
      const operation = this.#require(operationId);
      if (operation.status !== "failed" && operation.status !== "cancelled") {
        throw new Problem(
          "conflict",
          `Operation ${operationId} is ${operation.status}; only failed or cancelled ones can be retried.`,
          {
            cure: "Submit a new operation instead.",
          },
        );
      }
      const { requirements, maxAttempts } = operation;
      const classId = state.classes.idOf(requirementOf(this.#specOf(operation), requirements));
      state.operations.reopen(operationId, {
        classId,
        maxAttempts,
        fallbackAt: fallbackAt(requirements.preferWaitMs, now),
      });
      state.classes.countQueued(classId, 1);
      recordEvent(state, operationId, "requeued", now, { attempt: operation.attempt, reason: "retried by hand" });
      dispatch(state, now);
      return this.#describe(state.operations.get(operationId)!);
    });
  }

  get(operationId: string): OperationDetail {
    this.#steps.state.operations.writeProgress();
    const record = this.#require(operationId);
    return describeOperationDetail(record, this.#waitingReason(record), this.#specOf(record));
  }

  list(
    filter: OperationFilter,
    cursor: number | null,
    limit: number,
  ): { total: number; operations: Operation[]; nextCursor: number | null } {
    this.#steps.state.operations.writeProgress();
    const { total, records } = this.#steps.state.operations.list(filter, cursor, limit + 1);
    const page = records.slice(0, limit);
    return {
      total,
      operations: page.map((record) => this.#describe(record)),
      nextCursor: records.length > limit ? page.at(-1)!.sequence : null,
    };
  }

  /** Events after `afterId`, of one operation or (null) of all. */
  events(operationId: string | null, afterId: number): OperationEvent[] {
    if (operationId !== null) this.#require(operationId);
    return eventsAfter(this.#steps.sql, operationId, afterId, LIMITS.pageEvents);
  }

  logs(operationId: string, afterId: number): { lines: LogLine[]; dropped: number } {
    this.#require(operationId);
    return logLinesAfter(this.#steps.sql, operationId, afterId);
  }

  #accept(
    state: State,
    { request, operationId, idempotency, traceparent = null }: Submission,
    now: number,
  ): AcceptedOperation {
    if (idempotency !== null) {
      const present = state.operations.byIdempotencyKey(idempotency.key);
      if (present !== undefined) {
        if (present.idempotencyHash === idempotency.hash) return present;
        throw new Problem("conflict", `Idempotency-Key ${idempotency.key} was used for another submission.`, {
          cure: "Use a new key for a new submission.",
        });
      }
    }
    const requirements = completeRequirements(request.spec, request.requirements);
    const classId = state.classes.idOf(requirementOf(request.spec, requirements));
    state.operations.insert({
      operationId,
      classId,
      kind: request.spec.kind,
      name: request.name ?? null,
      specText: JSON.stringify(specWire.encode(request.spec)),
      requirements,
      priority: request.priority,
      rank: rankOf(now, request.priority, this.#steps.config.agingMs),
      maxAttempts: request.maxAttempts,
      fallbackAt: fallbackAt(requirements.preferWaitMs, now),
      deadlineAt: request.deadlineMs ?? null,
      createdAt: now,
      idempotencyKey: idempotency?.key ?? null,
      idempotencyHash: idempotency?.hash ?? null,
      traceparent,
    });
    state.classes.countQueued(classId, 1);
    recordEvent(state, operationId, "queued", now);
    return { operationId, status: "queued" };
  }

  #require(operationId: string): OperationRecord {
    const operation = this.#steps.state.operations.get(operationId);
    if (operation === undefined) {
      throw new Problem("not-found", `There is no operation ${operationId}.`, {
        cure: "List them with `ktrdr ops list`.",
      });
    }
    return operation;
  }

  #specOf(record: OperationRecord): OperationSpec {
    return specWire.parse(JSON.parse(record.specText));
  }

  #describe(record: OperationRecord): Operation {
    return describeOperation(record, this.#waitingReason(record));
  }

  #waitingReason(record: OperationRecord): string | null {
    if (record.status !== "queued") return null;
    const last = record.evidence.at(-1);
    const workers = this.#steps.state.workers.all();
    const requirement = this.#steps.state.classes.requirement(record.classId);
    const reason = waitingReason(
      requirement,
      storedDatasets(this.#steps.state, requirement),
      workers,
      (worker) => canTakeWork(worker, this.#steps.config),
      (worker) => isReachable(worker, this.#steps.config),
    );
    return last === undefined ? reason : `${reason} (attempt ${last.attempt} on ${last.workerId} ${last.reason})`;
  }
}

/** Collects the operations that a step handed out. */
function assignedBy(effects: readonly Effect[]): Set<string> {
  const assigned = new Set<string>();
  for (const effect of effects) {
    if (effect.type === "send" && effect.message.type === "assign") assigned.add(effect.message.operationId);
  }
  return assigned;
}
