/**
 * Hands queued operations to free workers, until no free worker fits any of them.
 *
 * Order: by rank, then by sequence. An operation's rank is the moment of its submission, moved back by `agingMs` for each
 * level of priority: higher priority first, first in first out within one. Nothing starves, since an operation that came later
 * by more than the priority's worth of waiting stands behind.
 * Choice of a worker: the preferred type first, then one that holds the data, then the least recently selected.
 */
import { operationSpec, wire } from "../../protocol/index.ts";
import { attemptTraceparent } from "../../telemetry/index.ts";
import { assert } from "./assert.ts";
import { recordEvent } from "./event-log.ts";
import type { OperationRecord } from "./operation-record.ts";
import type { QueuedHead } from "./operation-store.ts";
import { fits, holdsData, type Requirement, type StoredDatasets } from "./requirement.ts";
import { type State, sendTo } from "./state.ts";
import { observeDispatch } from "./tally.ts";
import { canTakeWork, freeSlots, type WorkerRecord } from "./worker-record.ts";

const specWire = wire(operationSpec);

/** Computes the place of an operation in its queue; lower is earlier. */
export function rankOf(createdAt: number, priority: number, agingMs: number): number {
  return createdAt - priority * agingMs;
}

/** One class with something queued and at least one free worker that fits. */
interface Lane {
  readonly classId: number;
  readonly requirement: Requirement;
  /** Versions in the store of the datasets that the class asks for. */
  readonly stored: StoredDatasets;
  workers: WorkerRecord[];
  heads: QueuedHead[];
  /** The place in the queue up to which heads were read, or null before the first read. */
  after: { rank: number; sequence: number } | null;
  exhausted: boolean;
}

export function dispatch(state: State, now: number): void {
  const free = state.workers.all().filter((worker) => canTakeWork(worker, state.config));
  if (free.length === 0) return;
  let lanes = lanesOf(state, free);
  while (lanes.length > 0) {
    for (const lane of lanes) fill(state, lane, now);
    lanes = lanes.filter((lane) => lane.heads.length > 0);
    const lane = earliest(lanes);
    if (lane === undefined) return;
    const head = lane.heads.shift()!;
    const worker = choose(lane, head, state.config.rejectionDelayMs, now);
    if (worker === undefined) continue;
    handOut(state, lane, head, worker, now);
    state.classes.countQueued(lane.classId, -1);
    if (freeSlots(worker) === 0) lanes = withoutWorker(lanes, worker);
  }
}

function lanesOf(state: State, free: readonly WorkerRecord[]): Lane[] {
  const lanes: Lane[] = [];
  for (const classId of state.classes.queued()) {
    const requirement = state.classes.requirement(classId);
    const stored = storedDatasets(state, requirement);
    const workers = free.filter((worker) => fits(requirement, worker, stored));
    if (workers.length === 0) continue;
    lanes.push({ classId, requirement, stored, workers, heads: [], after: null, exhausted: false });
  }
  return lanes;
}

function withoutWorker(lanes: Lane[], full: WorkerRecord): Lane[] {
  for (const lane of lanes) lane.workers = lane.workers.filter((worker) => worker !== full);
  return lanes.filter((lane) => lane.workers.length > 0);
}

/** Reads the next heads of the lane when none are left; as many as its workers could take, plus a few that may not fit. */
function fill(state: State, lane: Lane, now: number): void {
  if (lane.heads.length > 0 || lane.exhausted) return;
  const slots = lane.workers.reduce((sum, worker) => sum + freeSlots(worker), 0);
  const limit = Math.min(256, slots + (lane.after === null ? 0 : 16));
  lane.heads = state.operations.heads(lane.classId, now, lane.after, limit);
  lane.exhausted = lane.heads.length < limit;
  const last = lane.heads.at(-1);
  if (last !== undefined) lane.after = { rank: last.rank, sequence: last.sequence };
}

function earliest(lanes: readonly Lane[]): Lane | undefined {
  let best: Lane | undefined;
  for (const lane of lanes) {
    if (best === undefined || precedes(lane.heads[0]!, best.heads[0]!)) best = lane;
  }
  return best;
}

function precedes(a: QueuedHead, b: QueuedHead): boolean {
  return a.rank < b.rank || (a.rank === b.rank && a.sequence < b.sequence);
}

/** Chooses the best free worker for this operation now; undefined where all turned it down, or it waits for the preferred type. */
function choose(lane: Lane, head: QueuedHead, rejectionDelayMs: number, now: number): WorkerRecord | undefined {
  let best: WorkerRecord | undefined;
  let bestScore = Number.POSITIVE_INFINITY;
  for (const worker of lane.workers) {
    if (head.rejectedBy.includes(worker.workerId) && now < head.notBefore + rejectionDelayMs) continue;
    const preference = lane.requirement.workerTypes.indexOf(worker.workerType);
    if (preference > 0 && head.fallbackAt > now) continue;
    const score = preference * 2 + (holdsData(lane.requirement, worker, lane.stored) ? 0 : 1);
    if (score < bestScore || (score === bestScore && best !== undefined && selectedBefore(worker, best))) {
      best = worker;
      bestScore = score;
    }
  }
  return best;
}

function selectedBefore(a: WorkerRecord, b: WorkerRecord): boolean {
  const atA = a.lastSelectedAt ?? -1;
  const atB = b.lastSelectedAt ?? -1;
  if (atA !== atB) return atA < atB;
  return a.leases.size < b.leases.size || (a.leases.size === b.leases.size && a.workerId < b.workerId);
}

/** Writes the lease, then asks for the message. */
function handOut(state: State, lane: Lane, head: QueuedHead, worker: WorkerRecord, now: number): void {
  assert(fits(lane.requirement, worker, lane.stored), `worker ${worker.workerId} fits what it is handed`);
  assert(freeSlots(worker) > 0, `worker ${worker.workerId} has a free slot`);
  const operation = state.operations.queuedAt(head.sequence);
  assert(operation?.status === "queued", `operation ${head.operationId} is queued when it is handed out`);
  const attempt = operation.attempt + 1;
  state.operations.update(operation, {
    status: "running",
    attempt,
    workerId: worker.workerId,
    accepted: false,
    assignedAt: now,
    startedAt: operation.startedAt ?? now,
    progress: null,
  });
  state.workers.grant({
    operationId: operation.operationId,
    attempt,
    workerId: worker.workerId,
    assignedAt: now,
    accepted: false,
    stopReason: null,
    checkpoint: operation.checkpoint,
  });
  state.workers.putSelected(worker, now);
  if (operation.startedAt === null) observeDispatch(state.observations, now - operation.createdAt);
  assign(state, worker, operation, attempt, lane.stored);
  recordEvent(state, operation.operationId, "assigned", now, { worker_id: worker.workerId, attempt });
}

/** Sends the `assign` message of a lease, or sends it again. */
export function assign(
  state: State,
  worker: WorkerRecord,
  operation: Pick<OperationRecord, "operationId" | "specText" | "checkpoint" | "traceparent">,
  attempt: number,
  stored: StoredDatasets,
): void {
  const { operationId, specText, checkpoint } = operation;
  const spec = specWire.decode(JSON.parse(specText));
  const [dataset] = stored;
  const traceparent = attemptTraceparent(operation.traceparent, operationId, attempt);
  sendTo(state, worker, {
    ...{ type: "assign", operationId, attempt, spec, checkpoint },
    ...(stored.length !== 1 || dataset === undefined ? {} : { dataset }),
    ...(stored.length > 1 ? { datasets: stored.map((found) => found?.sha256 ?? null) } : {}),
    ...(traceparent === null ? {} : { traceparent }),
  });
}

/** Finds the store's versions of the datasets that are asked for. */
export function storedDatasets(state: State, { datasets }: Requirement): StoredDatasets {
  return datasets.map((dataset) => state.datasets.find(dataset));
}
