/** Stops operations whose deadline has passed. */
import { finishStopped } from "./leases.ts";
import { type State, sendTo } from "./state.ts";

/** Fails queued ones at once, and asks the worker of a running one to stop. */
export function enforceDeadlines(state: State, now: number): void {
  for (const operation of state.operations.overdue(now)) {
    state.operations.update(operation, { stopReason: "deadline" });
    if (operation.status === "queued") {
      finishStopped(state, { ...operation, stopReason: "deadline" }, now);
      continue;
    }
    const worker = state.workers.get(operation.workerId!)!;
    const lease = worker.leases.get(operation.operationId)!;
    lease.stopping = true;
    lease.lastSentAt = now;
    if (!worker.connected) continue;
    const { operationId, attempt } = operation;
    sendTo(state, worker, { type: "cancel", operationId, attempt });
  }
}
