/** Keeps the moments of workers for people who ask why a machine was not used. Bounded per worker. */
import { LIMITS, type WorkerHistoryEntry } from "../../protocol/index.ts";
import type { Sql } from "./sql.ts";

export function recordWorkerMoment(
  sql: Sql,
  workerId: string,
  type: WorkerHistoryEntry["type"],
  now: number,
  detail = "",
): void {
  sql.run("INSERT INTO worker_history (worker_id, at, type, detail) VALUES (?, ?, ?, ?)", workerId, now, type, detail);
  sql.run(
    `DELETE FROM worker_history WHERE worker_id = ? AND entry_id <=
       (SELECT entry_id FROM worker_history WHERE worker_id = ? ORDER BY entry_id DESC LIMIT 1 OFFSET ?)`,
    workerId,
    workerId,
    LIMITS.workerHistory,
  );
}

/** Oldest first. */
export function workerMoments(sql: Sql, workerId: string): WorkerHistoryEntry[] {
  return sql
    .all<{ at: number; type: WorkerHistoryEntry["type"]; detail: string }>(
      "SELECT at, type, detail FROM worker_history WHERE worker_id = ? ORDER BY entry_id",
      workerId,
    )
    .map((row) => ({ atMs: row.at, type: row.type, detail: row.detail }));
}
