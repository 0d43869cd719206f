/** Removes what is kept no longer: finished operations, unused classes of requirements, and workers that stay away. */
import { CLOSE_CODES } from "../../protocol/index.ts";
import { releaseArtefact } from "./artefact-index.ts";
import type { RegistryConfig } from "./config.ts";
import { count } from "./counters.ts";
import { forgetEvents } from "./event-log.ts";
import { closeConnection, type State } from "./state.ts";
import { recordWorkerMoment } from "./worker-history.ts";
import type { WorkerRecord } from "./worker-record.ts";

/** Removes a worker that was silent for too long and holds no lease. */
export function removeForgotten(state: State, worker: WorkerRecord, now: number): void {
  if (removalAt(worker, state.config) > now || worker.leases.size > 0) return;
  if (worker.connected) {
    closeConnection(state, worker, CLOSE_CODES.goingAway, "no heartbeat for too long");
  }
  recordWorkerMoment(state.sql, worker.workerId, "removed", now, "it stayed away for too long");
  state.workers.remove(worker);
}

/** Returns the moment at which a worker without leases is removed if it stays silent. */
export function removalAt(worker: WorkerRecord, config: RegistryConfig): number {
  const lastSign = Math.max(worker.lastSeenAt ?? 0, worker.registeredAt, worker.disconnectedAt ?? 0);
  return lastSign + config.removalMs;
}

/** Removes finished operations beyond the configured age or count, oldest first, a bounded number at a time. */
export function removeExpired(state: State, now: number): void {
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
}

/** Removes classes that only operations of the past asked for, a bounded number at a time. */
export function removeUnusedClasses(state: State): void {
  const { classesKept, retentionStep } = state.config;
  if (state.classes.size <= classesKept) return;
  state.classes.removeUnused(state.operations.runningClasses(), classesKept, retentionStep);
}
