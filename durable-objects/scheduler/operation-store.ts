/** Keeps operations in SQL, one row each; all reading and writing of them goes through here. */
import type {
  OperationKind,
  OperationResult,
  OperationStatus,
  ProblemDetails,
  Progress,
  Requirements,
} from "../../protocol/index.ts";
import { assert } from "./assert.ts";
import type { RegistryConfig } from "./config.ts";
import {
  type Evidence,
  type OperationRecord,
  type OperationRow,
  type StopReason,
  toRecord,
} from "./operation-record.ts";
import { first, type Sql, type SqlValue } from "./sql.ts";

interface NewOperation {
  operationId: string;
  classId: number;
  kind: OperationKind;
  name: string | null;
  specText: string;
  requirements: Requirements;
  priority: number;
  rank: number;
  maxAttempts: number;
  fallbackAt: number;
  deadlineAt: number | null;
  createdAt: number;
  idempotencyKey: string | null;
  idempotencyHash: string | null;
  traceparent: string | null;
}

/** The columns of a queued operation that dispatch needs. */
export interface QueuedHead {
  readonly sequence: number;
  readonly operationId: string;
  readonly rank: number;
  /** Also the moment of the newest rejection, if there is any. */
  readonly notBefore: number;
  readonly fallbackAt: number;
  readonly rejectedBy: readonly string[];
}

/** The fields of an operation that a hand-out needs. */
type HandedOut = Pick<
  OperationRecord,
  "operationId" | "status" | "attempt" | "createdAt" | "startedAt" | "specText" | "checkpoint" | "traceparent"
>;

export interface OperationFilter {
  status?: OperationStatus;
  kind?: string;
  workerId?: string;
}

/** Columns that a step may change, in code's names. */
interface OperationChange {
  status?: OperationStatus;
  attempt?: number;
  failures?: number;
  maxAttempts?: number;
  notBefore?: number;
  fallbackAt?: number;
  workerId?: string | null;
  accepted?: boolean;
  assignedAt?: number | null;
  stopReason?: StopReason | null;
  rejectedBy?: readonly string[];
  evidence?: readonly Evidence[];
  checkpoint?: string | null;
  startedAt?: number | null;
  finishedAt?: number | null;
  progress?: Progress | null;
  result?: OperationResult | null;
  /** The result's content hash, apart from the result so that the collector can ask by it. */
  artefact?: string | null;
  error?: ProblemDetails | null;
}

const COLUMNS: Readonly<Record<keyof OperationChange, string>> = {
  status: "status",
  attempt: "attempt",
  failures: "failures",
  maxAttempts: "max_attempts",
  notBefore: "not_before",
  fallbackAt: "fallback_at",
  workerId: "worker_id",
  accepted: "accepted",
  assignedAt: "assigned_at",
  stopReason: "stop_reason",
  rejectedBy: "rejected_by",
  evidence: "evidence",
  checkpoint: "checkpoint",
  startedAt: "started_at",
  finishedAt: "finished_at",
  progress: "progress",
  result: "result",
  artefact: "artefact",
  error: "error",
};

/** The successors of each status. Terminal statuses have none. */
const SUCCESSORS: Readonly<Record<OperationStatus, readonly OperationStatus[]>> = {
  queued: ["running", "failed", "cancelled"],
  running: ["queued", "completed", "failed", "cancelled"],
  completed: [],
  failed: [],
  cancelled: [],
};

/** The earliest of each kind of moment at which stored operations need a look; null where there is none. */
type Moments = Record<"delayed" | "fallback" | "rejected" | "deadline" | "finished", number | null>;

/** Changes after which one of the moments may be earlier than it was. */
const MOMENT_COLUMNS: readonly (keyof OperationChange)[] = ["notBefore", "fallbackAt", "rejectedBy"];

export class OperationStore {
  readonly #sql: Sql;
  /** Moments as last read. Each may have become later since, and none earlier. Null: to be read again. */
  #moments: Moments | null = null;
  /** Moments that were over then are to come again for a clock that was set back. */
  #momentsReadAt = 0;
  /** The newest progress of running operations that is not written yet: each may send one a second. */
  readonly #progress = new Map<string, Progress>();
  /** Number of finished operations that are kept; null: to be counted. Counting reads a row for each, and every tick asks. */
  #finishedCount: number | null = null;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  insert(operation: NewOperation): void {
    if (operation.fallbackAt > 0 || operation.deadlineAt !== null) this.#moments = null;
    this.#sql.run(
      `INSERT INTO operations (operation_id, class_id, kind, name, spec, requirements, status, priority, rank, attempt,
         failures, max_attempts, not_before, fallback_at, deadline_at, accepted, rejected_by, evidence, created_at,
         idempotency_key, idempotency_hash, traceparent)
       VALUES (?, ?, ?, ?, ?, ?, 'queued', ?, ?, 0, 0, ?, 0, ?, ?, 0, '[]', '[]', ?, ?, ?, ?)`,
      operation.operationId,
      operation.classId,
      operation.kind,
      operation.name,
      operation.specText,
      JSON.stringify(operation.requirements),
      operation.priority,
      operation.rank,
      operation.maxAttempts,
      operation.fallbackAt,
      operation.deadlineAt,
      operation.createdAt,
      operation.idempotencyKey,
      operation.idempotencyHash,
      operation.traceparent,
    );
  }

  get(operationId: string): OperationRecord | undefined {
    const row = first<OperationRow>(this.#sql, "SELECT * FROM operations WHERE operation_id = ?", operationId);
    return row === undefined ? undefined : toRecord(row);
  }

  /** The few columns of a hand-out: reading all of them, and their JSON, costs several times as much. */
  queuedAt(sequence: number): HandedOut | undefined {
    const row = first<
      Pick<
        OperationRow,
        "operation_id" | "status" | "attempt" | "created_at" | "started_at" | "spec" | "checkpoint" | "traceparent"
      >
    >(
      this.#sql,
      `SELECT operation_id, status, attempt, created_at, started_at, spec, checkpoint, traceparent
       FROM operations WHERE sequence = ?`,
      sequence,
    );
    if (row === undefined) return undefined;
    return {
      operationId: row.operation_id,
      status: row.status,
      attempt: row.attempt,
      createdAt: row.created_at,
      startedAt: row.started_at,
      specText: row.spec,
      checkpoint: row.checkpoint,
      traceparent: row.traceparent,
    };
  }

  byIdempotencyKey(key: string): OperationRecord | undefined {
    const row = first<OperationRow>(this.#sql, "SELECT * FROM operations WHERE idempotency_key = ?", key);
    return row === undefined ? undefined : toRecord(row);
  }

  /** Keeps progress in memory. The operation's next write, `writeProgress` at the latest, takes it along. */
  keepProgress(operationId: string, progress: Progress): void {
    this.#progress.set(operationId, progress);
  }

  /** Writes the kept progress: before operations are read to be shown, and at every tick. */
  writeProgress(): void {
    for (const operationId of [...this.#progress.keys()]) this.update({ operationId, status: "running" }, {});
  }

  /** Writes `change`, asserting that the status may change so. */
  update(operation: Pick<OperationRecord, "operationId" | "status">, asked: OperationChange): void {
    const progress = this.#progress.get(operation.operationId);
    const change = progress === undefined ? asked : { progress, ...asked };
    this.#progress.delete(operation.operationId);
    if (change.status !== undefined) {
      assert(
        SUCCESSORS[operation.status].includes(change.status),
        `operation ${operation.operationId} may not go from ${operation.status} to ${change.status}`,
      );
    }
    const names = (Object.keys(change) as (keyof OperationChange)[]).filter((name) => change[name] !== undefined);
    if (names.some((name) => MOMENT_COLUMNS.includes(name))) this.#moments = null;
    if (change.finishedAt != null && this.#moments?.finished === null) this.#moments = null;
    if (change.finishedAt != null && this.#finishedCount !== null) this.#finishedCount += 1;
    const assignments = names.map((name) => `${COLUMNS[name]} = ?`).join(", ");
    const values = names.map((name) => toSqlValue(change[name]));
    this.#sql.run(`UPDATE operations SET ${assignments} WHERE operation_id = ?`, ...values, operation.operationId);
  }

  /** Takes a failed or cancelled operation back to the queue: the only way out of a terminal status, and only by hand. */
  reopen(
    operationId: string,
    { classId, maxAttempts, fallbackAt }: Pick<OperationRecord, "classId" | "maxAttempts" | "fallbackAt">,
  ): void {
    this.#moments = null;
    this.#finishedCount = null;
    this.#sql.run(
      `UPDATE operations SET status = 'queued', class_id = ?, max_attempts = ?, failures = 0, not_before = 0, fallback_at = ?,
         worker_id = NULL, accepted = 0, assigned_at = NULL, stop_reason = NULL, rejected_by = '[]', finished_at = NULL,
         progress = NULL, error = NULL, deadline_at = NULL WHERE operation_id = ? AND status IN ('failed', 'cancelled')`,
      classId,
      maxAttempts,
      fallbackAt,
      operationId,
    );
  }

  finishedCount(): number {
    this.#finishedCount ??= first<{ count: number }>(
      this.#sql,
      "SELECT COUNT(*) AS count FROM operations WHERE finished_at IS NOT NULL",
    )!.count;
    return this.#finishedCount;
  }

  /** Forgets a finished operation. */
  remove(operationId: string): void {
    this.#sql.run("DELETE FROM operations WHERE operation_id = ?", operationId);
    if (this.#finishedCount !== null) this.#finishedCount -= 1;
  }

  running(): OperationRecord[] {
    return this.#sql.all<OperationRow>("SELECT * FROM operations WHERE status = 'running'").map(toRecord);
  }

  /** Lists the classes of running operations. */
  runningClasses(): Set<number> {
    const rows = this.#sql.all<{ class_id: number }>("SELECT class_id FROM operations WHERE status = 'running'");
    return new Set(rows.map((row) => row.class_id));
  }

  /**
   * Reads the next `limit` operations of a class that may be handed out now, best first, after the given place in the queue.
   * `LIMIT (? | 0)`: SQLite looks into a bare parameter there, and compiles the statement again at each call.
   */
  heads(classId: number, now: number, after: { rank: number; sequence: number } | null, limit: number): QueuedHead[] {
    const rows = this.#sql.all<
      Pick<OperationRow, "sequence" | "operation_id" | "rank" | "not_before" | "fallback_at" | "rejected_by">
    >(
      `SELECT sequence, operation_id, rank, not_before, fallback_at, rejected_by FROM operations
       WHERE class_id = ? AND status = 'queued' AND (rank, sequence) > (?, ?) AND not_before <= ?
       ORDER BY rank, sequence LIMIT (? | 0)`,
      classId,
      after?.rank ?? Number.MIN_SAFE_INTEGER,
      after?.sequence ?? -1,
      now,
      limit,
    );
    return rows.map((row) => ({
      sequence: row.sequence,
      operationId: row.operation_id,
      rank: row.rank,
      notBefore: row.not_before,
      fallbackAt: row.fallback_at,
      rejectedBy: row.rejected_by === "[]" ? NOBODY : JSON.parse(row.rejected_by),
    }));
  }

  queuedByClass(): Map<number, number> {
    const rows = this.#sql.all<{ class_id: number; count: number }>(
      "SELECT class_id, COUNT(*) AS count FROM operations WHERE status = 'queued' GROUP BY class_id",
    );
    return new Map(rows.map((row) => [row.class_id, row.count]));
  }

  countByStatus(): Record<OperationStatus, number> {
    const counts: Record<OperationStatus, number> = { queued: 0, running: 0, completed: 0, failed: 0, cancelled: 0 };
    const rows = this.#sql.all<{ status: OperationStatus; count: number }>(
      "SELECT status, COUNT(*) AS count FROM operations GROUP BY status",
    );
    for (const row of rows) counts[row.status] = row.count;
    return counts;
  }

  /** Lists queued or running operations whose deadline has passed, and which are not being stopped already. */
  overdue(now: number): OperationRecord[] {
    return this.#sql
      .all<OperationRow>(
        `SELECT * FROM operations INDEXED BY operations_deadline WHERE deadline_at IS NOT NULL AND status IN ('queued', 'running') AND deadline_at <= ?
         AND stop_reason IS NULL`,
        now,
      )
      .map(toRecord);
  }

  /**
   * Finds the earliest moments, if any, at which stored operations need a look. Every step asks, so they are read only when one of
   * them may have become earlier. A moment that passes is read again by the tick that it causes.
   */
  nextMoments(now: number, { rejectionDelayMs, retentionMs }: RegistryConfig): number[] {
    if (this.#moments === null || now < this.#momentsReadAt) {
      this.#moments = this.#readMoments(now, rejectionDelayMs);
      this.#momentsReadAt = now;
    }
    const { delayed, fallback, rejected, deadline, finished } = this.#moments;
    // `rejected`: when the first of the workers' rejections stops counting.
    const moments = [
      delayed,
      fallback,
      rejected === null ? null : rejected + rejectionDelayMs,
      deadline,
      finished === null ? null : finished + retentionMs,
    ];
    return moments.filter((at) => at !== null);
  }

  /** Forgets moments that may be over, since time has passed. */
  forgetMoments(): void {
    this.#moments = null;
  }

  /** Names the indexes, because SQLite otherwise takes the one on `status`, and walks through the whole queue. */
  #readMoments(now: number, rejectionDelayMs: number): Moments {
    return first<Moments>(
      this.#sql,
      `SELECT
         (SELECT MIN(not_before) FROM operations INDEXED BY operations_delayed
          WHERE status = 'queued' AND not_before > 0 AND not_before > ?) AS delayed,
         (SELECT MIN(fallback_at) FROM operations INDEXED BY operations_fallback
          WHERE status = 'queued' AND fallback_at > 0 AND fallback_at > ?) AS fallback,
         (SELECT MIN(not_before) FROM operations INDEXED BY operations_delayed
          WHERE status = 'queued' AND not_before > 0 AND rejected_by <> '[]' AND not_before > ?) AS rejected,
         (SELECT MIN(deadline_at) FROM operations INDEXED BY operations_deadline
          WHERE deadline_at IS NOT NULL AND status IN ('queued', 'running') AND stop_reason IS NULL) AS deadline,
         (SELECT MIN(finished_at) FROM operations WHERE finished_at IS NOT NULL) AS finished`,
      now,
      now,
      now - rejectionDelayMs,
    )!;
  }

  /** Newest first. `before` is the sequence of the last row of the page before. */
  list(filter: OperationFilter, before: number | null, limit: number): { total: number; records: OperationRecord[] } {
    const conditions: string[] = [];
    const values: SqlValue[] = [];
    const where = (condition: string, value: SqlValue | undefined): void => {
      if (value === undefined || value === null) return;
      conditions.push(condition);
      values.push(value);
    };
    where("status = ?", filter.status);
    where("kind = ?", filter.kind);
    where("worker_id = ?", filter.workerId);
    const matching = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
    const total = first<{ count: number }>(
      this.#sql,
      `SELECT COUNT(*) AS count FROM operations ${matching}`,
      ...values,
    );
    where("sequence < ?", before);
    const page = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
    const rows = this.#sql.all<OperationRow>(
      `SELECT * FROM operations ${page} ORDER BY sequence DESC LIMIT ?`,
      ...values,
      limit,
    );
    return { total: total?.count ?? 0, records: rows.map(toRecord) };
  }
}

const NOBODY: readonly string[] = [];

function toSqlValue(value: OperationChange[keyof OperationChange]): SqlValue {
  if (typeof value === "boolean") return value ? 1 : 0;
  if (value === null || typeof value === "string" || typeof value === "number") return value;
  return JSON.stringify(value);
}
