/** Describes an operation in its three forms: the stored row, the record that steps work on, and the API's view. */
import type {
  Operation,
  OperationDetail,
  OperationKind,
  OperationResult,
  OperationSpec,
  OperationStatus,
  ProblemDetails,
  Progress,
  Requirements,
} from "../../protocol/index.ts";
import { sampledTraceId } from "../../telemetry/index.ts";

/** The reason for which a running operation is to stop. */
export type StopReason = "cancel" | "deadline";

/** Records one loss of an operation, so that people can tell a bad machine from a bad operation. */
export interface Evidence {
  readonly attempt: number;
  readonly workerId: string;
  readonly atMs: number;
  readonly reason: string;
}

/** The row in SQL. */
export interface OperationRow {
  sequence: number;
  operation_id: string;
  class_id: number;
  kind: string;
  name: string | null;
  spec: string;
  requirements: string;
  status: OperationStatus;
  priority: number;
  rank: number;
  attempt: number;
  failures: number;
  max_attempts: number;
  not_before: number;
  fallback_at: number;
  deadline_at: number | null;
  worker_id: string | null;
  accepted: number;
  assigned_at: number | null;
  stop_reason: StopReason | null;
  rejected_by: string;
  evidence: string;
  checkpoint: string | null;
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
  progress: string | null;
  result: string | null;
  error: string | null;
  idempotency_hash: string | null;
  traceparent: string | null;
}

export interface OperationRecord {
  readonly sequence: number;
  readonly operationId: string;
  readonly classId: number;
  readonly kind: OperationKind;
  readonly name: string | null;
  /** JSON in wire form; parsed only where it is needed. */
  readonly specText: string;
  readonly requirements: Requirements;
  readonly status: OperationStatus;
  readonly priority: number;
  readonly attempt: number;
  readonly failures: number;
  readonly maxAttempts: number;
  readonly notBefore: number;
  readonly fallbackAt: number;
  readonly deadlineAt: number | null;
  readonly workerId: string | null;
  readonly accepted: boolean;
  readonly assignedAt: number | null;
  readonly stopReason: StopReason | null;
  readonly rejectedBy: readonly string[];
  readonly evidence: readonly Evidence[];
  readonly checkpoint: string | null;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  readonly progress: Progress | null;
  readonly result: OperationResult | null;
  readonly error: ProblemDetails | null;
  readonly idempotencyHash: string | null;
  /** Names the span that submitted it; null where it is not traced. */
  readonly traceparent: string | null;
}

function parseNullable<T>(text: string | null): T | null {
  return text === null ? null : (JSON.parse(text) as T);
}

/** Reads a stored row; columns of JSON are parsed. */
export function toRecord(row: OperationRow): OperationRecord {
  return {
    sequence: row.sequence,
    operationId: row.operation_id,
    classId: row.class_id,
    kind: row.kind as OperationKind,
    name: row.name,
    specText: row.spec,
    requirements: JSON.parse(row.requirements),
    status: row.status,
    priority: row.priority,
    attempt: row.attempt,
    failures: row.failures,
    maxAttempts: row.max_attempts,
    notBefore: row.not_before,
    fallbackAt: row.fallback_at,
    deadlineAt: row.deadline_at,
    workerId: row.worker_id,
    accepted: row.accepted === 1,
    assignedAt: row.assigned_at,
    stopReason: row.stop_reason,
    rejectedBy: JSON.parse(row.rejected_by),
    evidence: JSON.parse(row.evidence),
    checkpoint: row.checkpoint,
    createdAt: row.created_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    progress: parseNullable(row.progress),
    result: parseNullable(row.result),
    error: parseNullable(row.error),
    idempotencyHash: row.idempotency_hash,
    traceparent: row.traceparent,
  };
}

/** Describes an operation as the API shows it. */
export function describeOperation(record: OperationRecord, waitingReason: string | null): Operation {
  return {
    operationId: record.operationId,
    kind: record.kind,
    name: record.name,
    status: record.status,
    priority: record.priority,
    attempt: record.attempt,
    maxAttempts: record.maxAttempts,
    workerId: record.workerId,
    createdAt: record.createdAt,
    startedAt: record.startedAt,
    finishedAt: record.finishedAt,
    progress: record.progress,
    waitingReason,
    result: record.result,
    error: record.error,
    cancelRequested: record.stopReason !== null,
    requirements: record.requirements,
    traceId: sampledTraceId(record.traceparent),
  };
}

/** Describes an operation with its specification. */
export function describeOperationDetail(
  record: OperationRecord,
  waitingReason: string | null,
  spec: OperationSpec,
): OperationDetail {
  return { ...describeOperation(record, waitingReason), spec };
}
