/** Figures of the queue: depth, age, and operations that no worker could take. */
import type { WorkerType } from "../../protocol/index.ts";
import { storedDatasets } from "./dispatch.ts";
import { fits } from "./requirement.ts";
import { first } from "./sql.ts";
import type { State } from "./state.ts";
import { isReachable } from "./worker-record.ts";

/** Queued operations that prefer the same type of worker and ask for the same kind of work. */
export interface QueueMetrics {
  readonly workerType: WorkerType;
  /** The kind of work that a worker must allow: one of its `capabilities.kinds`. */
  readonly kind: string;
  readonly depth: number;
  /** The number of operations that no connected worker could run, even a free one. */
  readonly unplaceable: number;
  /** The time since the submission of the oldest. */
  readonly oldestWaitMs: number;
}

/** Rows of the queue that are read, the oldest first, for any depth. Where they have none of a class, its head is read. */
const OLDEST_READ = 1000;

export function queueMetrics(state: State, now: number): QueueMetrics[] {
  const reachable = state.workers.all().filter((worker) => isReachable(worker, state.config));
  const oldest = oldestByClass(state);
  const groups = new Map<string, { -readonly [Key in keyof QueueMetrics]: QueueMetrics[Key] }>();
  for (const classId of state.classes.queued()) {
    const requirement = state.classes.requirement(classId);
    const [workerType] = requirement.workerTypes;
    if (workerType === undefined) continue;
    const depth = state.classes.queuedCount(classId);
    const stored = storedDatasets(state, requirement);
    const unplaceable = reachable.some((worker) => fits(requirement, worker, stored)) ? 0 : depth;
    const waitMs = Math.max(0, now - (oldest.get(classId) ?? headCreatedAt(state, classId) ?? now));
    const key = `${workerType} ${requirement.kind}`;
    const group = groups.get(key);
    if (group === undefined) {
      groups.set(key, { workerType, kind: requirement.kind, depth, unplaceable, oldestWaitMs: waitMs });
    } else {
      group.depth += depth;
      group.unplaceable += unplaceable;
      group.oldestWaitMs = Math.max(group.oldestWaitMs, waitMs);
    }
  }
  return [...groups.values()];
}

function oldestByClass(state: State): Map<number, number> {
  const rows = state.sql.all<{ class_id: number; created_at: number }>(
    `SELECT class_id, MIN(created_at) AS created_at FROM
       (SELECT class_id, created_at FROM operations INDEXED BY operations_status
        WHERE status = 'queued' ORDER BY sequence LIMIT (? | 0))
     GROUP BY class_id`,
    OLDEST_READ,
  );
  return new Map(rows.map((row) => [row.class_id, row.created_at]));
}

function headCreatedAt(state: State, classId: number): number | undefined {
  return first<{ created_at: number }>(
    state.sql,
    "SELECT created_at FROM operations WHERE class_id = ? AND status = 'queued' ORDER BY rank, sequence LIMIT 1",
    classId,
  )?.created_at;
}
