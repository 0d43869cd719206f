/** The judge's view of an operation and of its demands on a worker, written a second time and independently. */
import type { RegistryConfig } from "../../durable-objects/scheduler/index.ts";
import { datasetsOf, type OperationStatus, type Worker } from "../../protocol/index.ts";
import type { JournalEntry } from "./journal.ts";
import type { Task } from "./workload.ts";

export interface TrackedOperation extends JournalEntry {
  readonly task: Task;
  cancelAsked: boolean;
  executions: number;
  /** The worker of each attempt. */
  readonly holders: Map<number, string>;
}

export function track(entry: JournalEntry, task: Task): TrackedOperation {
  return { ...entry, task, cancelAsked: false, executions: 0, holders: new Map() };
}

/** A dataset of the store. */
export interface Published {
  readonly symbol: string;
  readonly sha256: string;
}

/** Finds the store's version for a request: the pinned one, or the newest. `published` has the newest last. */
export function meantVersion({ task }: TrackedOperation, published: readonly Published[]): string | null {
  const [asked] = datasetsOf(task.request.spec);
  if (asked === undefined) return null;
  const versions = published.filter(({ symbol }) => symbol === asked.symbol);
  const meant = asked.sha256 === undefined ? versions.at(-1) : versions.find(({ sha256 }) => sha256 === asked.sha256);
  return meant?.sha256 ?? null;
}

export function isTerminal(status: OperationStatus): boolean {
  return status === "completed" || status === "failed" || status === "cancelled";
}

export function precedes(a: TrackedOperation, b: TrackedOperation): boolean {
  return a.rank < b.rank || (a.rank === b.rank && a.sequence < b.sequence);
}

/** Returns true where the worker could ever run it. */
export function capableOf(
  { task }: TrackedOperation,
  { workerType, capabilities }: Worker,
  published: readonly Published[],
): boolean {
  const { requirements, request } = task;
  if (!requirements.workerTypes.includes(workerType)) return false;
  if (requirements.memoryBytes > (capabilities.memoryBytes ?? Number.POSITIVE_INFINITY)) return false;
  for (const label in requirements.labels) {
    if (capabilities.labels[label] !== requirements.labels[label]) return false;
  }
  if (!capabilities.kinds.includes(request.spec.kind)) return false;
  return datasetsOf(request.spec).every((asked) => {
    const isMeant = (dataset: Published): boolean =>
      dataset.symbol === asked.symbol && (asked.sha256 === undefined || asked.sha256 === dataset.sha256);
    return published.some(isMeant) || capabilities.datasets.some(isMeant);
  });
}

/** Returns true where it has a reason not to go to this worker at this moment. */
export function waitsFor(operation: TrackedOperation, worker: Worker, at: number, config: RegistryConfig): boolean {
  if (operation.notBefore > at) return true;
  const preferred = operation.task.requirements.workerTypes[0] === worker.workerType;
  if (!preferred && operation.fallbackAt > at) return true;
  const rejectionEndsAt = operation.notBefore + config.rejectionDelayMs;
  return operation.rejectedBy.includes(worker.workerId) && at < rejectionEndsAt;
}
