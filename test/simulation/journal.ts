/** Each step's writes about operations, as SQLite itself saw them: triggers note every change in a temporary table. */
import type { Sql } from "../../durable-objects/scheduler/index.ts";
import type { OperationStatus } from "../../protocol/index.ts";

export interface JournalEntry {
  readonly change: "written" | "removed";
  readonly operationId: string;
  readonly sequence: number;
  readonly rank: number;
  readonly status: OperationStatus;
  readonly attempt: number;
  readonly workerId: string | null;
  readonly notBefore: number;
  readonly fallbackAt: number;
  readonly rejectedBy: readonly string[];
  readonly stopReason: string | null;
  readonly deadlineAt: number | null;
  readonly result: string | null;
}

interface Row {
  change: "written" | "removed";
  operation_id: string;
  sequence: number;
  rank: number;
  status: OperationStatus;
  attempt: number;
  worker_id: string | null;
  not_before: number;
  fallback_at: number;
  rejected_by: string;
  stop_reason: string | null;
  deadline_at: number | null;
  result: string | null;
}

const COLUMNS =
  "operation_id, sequence, rank, status, attempt, worker_id, not_before, fallback_at, rejected_by, stop_reason, deadline_at, result";
const WATCHED = "status, attempt, worker_id, not_before, fallback_at, rejected_by, stop_reason, deadline_at, result";
const NOBODY: readonly string[] = [];

export class Journal {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
    sql.run(`CREATE TEMP TABLE journal (entry INTEGER PRIMARY KEY, change, ${COLUMNS})`);
    const note = (row: "NEW" | "OLD", change: string): string => {
      const values = COLUMNS.split(", ").map((column) => `${row}.${column}`);
      return `BEGIN INSERT INTO journal (change, ${COLUMNS}) VALUES ('${change}', ${values.join(", ")}); END`;
    };
    sql.run(`CREATE TEMP TRIGGER note_insert AFTER INSERT ON main.operations ${note("NEW", "written")}`);
    sql.run(`CREATE TEMP TRIGGER note_update AFTER UPDATE OF ${WATCHED} ON main.operations ${note("NEW", "written")}`);
    sql.run(`CREATE TEMP TRIGGER note_delete AFTER DELETE ON main.operations ${note("OLD", "removed")}`);
  }

  /** The entries since the last call, oldest first. */
  take(): JournalEntry[] {
    const rows = this.#sql.all<Row>("SELECT * FROM temp.journal ORDER BY entry");
    if (rows.length === 0) return [];
    this.#sql.run("DELETE FROM temp.journal");
    return rows.map((row) => ({
      change: row.change,
      operationId: row.operation_id,
      sequence: row.sequence,
      rank: row.rank,
      status: row.status,
      attempt: row.attempt,
      workerId: row.worker_id,
      notBefore: row.not_before,
      fallbackAt: row.fallback_at,
      rejectedBy: row.rejected_by === "[]" ? NOBODY : JSON.parse(row.rejected_by),
      stopReason: row.stop_reason,
      deadlineAt: row.deadline_at,
      result: row.result,
    }));
  }
}
