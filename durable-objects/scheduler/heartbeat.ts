/** Checks the heartbeats of connected workers. */
import { HOUR_MS } from "../../protocol/durations.ts";
import type { State } from "./state.ts";
import { recordWorkerMoment } from "./worker-history.ts";
import type { WorkerRecord } from "./worker-record.ts";

/** Tells when the runtime last answered a worker's heartbeat; it answers without waking the registry. */
export type Heartbeats = (workerId: string) => number | null;

const SEEN_WRITTEN_MS = HOUR_MS;

/**
 * Counts a connected worker's missed heartbeats, and records when it becomes unhealthy or recovers.
 *
 * A check that finds nothing new is kept in memory alone: while work goes on there is one for each worker every ten
 * seconds. Memory may be lost at any time; a connection that outlives it knows when the runtime last answered its
 * heartbeat, and without a connection time counts from its end.
 */
export function checkHeartbeat(state: State, worker: WorkerRecord, heartbeatAt: number | null, now: number): void {
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

/** True once in an hour: the last sign of life is then written all the same, so that a crash loses at most an hour of it. */
function isOtherHour(now: number, before: number | null): boolean {
  return before === null || Math.floor(now / SEEN_WRITTEN_MS) !== Math.floor(before / SEEN_WRITTEN_MS);
}
