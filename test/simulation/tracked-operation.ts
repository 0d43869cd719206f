/** An operation as the judge knows it, and what it asks of a worker, written a second time and independently. */
import type { RegistryConfig } from "../../durable-objects/scheduler/config.ts";
import { datasetsOf, type OperationStatus, type Worker } from "../../protocol/index.ts";
import type { JournalEntry } from "./journal.ts";
import type { Task } from "./workload.ts";

export interface TrackedOperation extends JournalEntry {
  readonly task: Task;
  cancelAsked: boolean;
  executions: number;
  /** Who each attempt was assigned to. */
  readonly holders: Map<number, string>;
}

export function track(entry: JournalEntry, task: Task): TrackedOperation {
  return { ...entry, task, cancelAsked: false, executions: 0, holders: new Map() };
}

export function isTerminal(status: OperationStatus): boolean {
  return status === "completed" || status === "failed" || status === "cancelled";
}

export function precedes(a: TrackedOperation, b: TrackedOperation): boolean {
  return a.rank < b.rank || (a.rank === b.rank && a.sequence < b.sequence);
}

/** Whether the worker could ever run it. */
export function capableOf({ task }: TrackedOperation, { workerType, capabilities }: Worker): boolean {
  const { requirements, request } = task;
  if (!requirements.workerTypes.includes(workerType)) return false;
  if (requirements.memoryBytes > (capabilities.memoryBytes ?? Number.POSITIVE_INFINITY)) return false;
  for (const label in requirements.labels) {
    if (capabilities.labels[label] !== requirements.labels[label]) return false;
  }
  if (!capabilities.kinds.includes(request.spec.kind)) return false;
  return datasetsOf(request.spec).every(({ symbol }) =>
    capabilities.datasets.some((dataset) => dataset.symbol === symbol),
  );
}

/** Whether it has a reason not to go to this worker at this moment. */
export function waitsFor(operation: TrackedOperation, worker: Worker, at: number, config: RegistryConfig): boolean {
  if (operation.notBefore > at) return true;
  const preferred = operation.task.requirements.workerTypes[0] === worker.workerType;
  if (!preferred && operation.fallbackAt > at) return true;
  const rejectionEndsAt = operation.notBefore + config.rejectionDelayMs;
  return operation.rejectedBy.includes(worker.workerId) && at < rejectionEndsAt;
}
