// biome-ignore-all lint/style/noExcessiveLinesPerFile: every decision on operations; goes when they are by resource
/**
 * The registry's decisions, without the registry's sockets, clock, alarm or chance.
 *
 * Each public method is one step: it gets an event and the time, reads and writes storage in one transaction, and hands
 * back effects for the shell to carry out after the commit. The same storage and the same events give the same
 * effects. A step that throws leaves storage and memory as they were.
 */
import {
  CLOSE_CODES,
  type Lease,
  LIMITS,
  type LogLine,
  type ModelVersion,
  type Operation,
  type OperationDetail,
  type OperationEvent,
  type OperationSpec,
  operationSpec,
  Problem,
  type PublishDatasetRequest,
  type Refusal,
  type RegisterRequest,
  type StoredDataset,
  type SubmitRequest,
  versionRefusal,
  type Worker,
  type WorkerHistoryEntry,
  wire,
} from "../../protocol/index.ts";
import { storedBytes } from "./artefact-index.ts";
import type { RegistryConfig } from "./config.ts";
import { greet, type Hello, hear, type LaterMessage, refuse } from "./conversation.ts";
import { COUNTERS, type Counter, count, counterValue } from "./counters.ts";
import { publishDataset, withdrawDataset } from "./dataset-index.ts";
import { dispatch, rankOf, storedDatasets } from "./dispatch.ts";
import { eventsAfter, logLinesAfter, recordEvent, writeEvents } from "./event-log.ts";
import { checkHealth, type Heartbeats, nextDueAt, removeExpired, removeUnusedClasses } from "./health.ts";
import { fallbackAt, finishStopped, heldLease, loseLease } from "./leases.ts";
import { findModel, listModels, type NewModel, publishModel, removeModel } from "./model-index.ts";
import {
  describeOperation,
  describeOperationDetail,
  type OperationFilter,
  type OperationRecord,
} from "./operation-store.ts";
import { type QueueMetrics, queueMetrics } from "./queue-metrics.ts";
import { completeRequirements, requirementOf, waitingReason } from "./requirement.ts";
import { migrate } from "./schema.ts";
import type { Sql } from "./sql.ts";
import { closeConnection, type Effect, loadState, type State, sendTo } from "./state.ts";
import { type LatencyHistogram, latencyHistogram, Tally } from "./tally.ts";
import { recordWorkerMoment, workerMoments } from "./worker-history.ts";
import { canTakeWork, describeWorker, isReachable, type WorkerRecord } from "./worker-record.ts";

const specWire = wire(operationSpec);

/** A step's answer, and what the shell has to do after the commit. */
export interface Outcome<T> {
  readonly value: T;
  readonly effects: readonly Effect[];
}

/** What a submitter is told; the rest is asked for when it is wanted. */
export type AcceptedOperation = Pick<Operation, "operationId" | "status">;

/** One accepted submission. */
export interface Submission {
  readonly request: SubmitRequest;
  readonly operationId: string;
  /** The caller's Idempotency-Key with the hash of what it submitted, or null. */
  readonly idempotency: { readonly key: string; readonly hash: string } | null;
  /** Of the span that submits it, where that is traced. */
  readonly traceparent?: string | null;
}

export class Scheduler {
  readonly #sql: Sql;
  readonly #config: RegistryConfig;
  readonly #tally: Tally;
  #state: State;

  constructor(sql: Sql, config: RegistryConfig) {
    this.#sql = sql;
    this.#config = config;
    migrate(sql);
    this.#tally = new Tally(sql);
    this.#state = loadState(sql, config);
  }

  get config(): RegistryConfig {
    return this.#config;
  }

  // Operations

  /** Accepts operations, all or none. The same idempotency key with the same content answers with the operation that is there. */
  submit(submissions: readonly Submission[], now: number): Outcome<AcceptedOperation[]> {
    return this.#step((state) => {
      const accepted = submissions.map((submission) => this.#accept(state, submission, now));
      state.observations.push(["operations_submitted", accepted.length]);
      dispatch(state, now);
      const handedOut = assignedBy(state.effects);
      return accepted.map(({ operationId, status }) => ({
        operationId,
        status: handedOut.has(operationId) ? "running" : status,
      }));
    });
  }

  #accept(
    state: State,
    { request, operationId, idempotency, traceparent = null }: Submission,
    now: number,
  ): AcceptedOperation {
    if (idempotency !== null) {
      const present = state.operations.byIdempotencyKey(idempotency.key);
      if (present !== undefined) {
        if (present.idempotencyHash === idempotency.hash) return present;
        throw new Problem("conflict", `Idempotency-Key ${idempotency.key} was used for another submission.`, {
          cure: "Use a new key for a new submission.",
        });
      }
    }
    const requirements = completeRequirements(request.spec, request.requirements);
    const classId = state.classes.idOf(requirementOf(request.spec, requirements));
    state.operations.insert({
      operationId,
      classId,
      kind: request.spec.kind,
      name: request.name ?? null,
      specText: JSON.stringify(specWire.encode(request.spec)),
      requirements,
      priority: request.priority,
      rank: rankOf(now, request.priority, this.#config.agingMs),
      maxAttempts: request.maxAttempts,
      fallbackAt: fallbackAt(requirements.preferWaitMs, now),
      deadlineAt: request.deadlineMs ?? null,
      createdAt: now,
      idempotencyKey: idempotency?.key ?? null,
      idempotencyHash: idempotency?.hash ?? null,
      traceparent,
    });
    state.classes.countQueued(classId, 1);
    recordEvent(state, operationId, "queued", now);
    return { operationId, status: "queued" };
  }

  /** Cancels now when it is queued; asks its worker to stop when it runs. Cancelling what has ended changes nothing. */
  cancel(operationId: string, now: number): Outcome<Operation> {
    return this.#step((state) => {
      const operation = this.#require(operationId);
      if (operation.status === "queued") {
        state.operations.update(operation, { stopReason: "cancel" });
        finishStopped(state, { ...operation, stopReason: "cancel" }, now);
      } else if (operation.status === "running" && operation.stopReason === null) {
        state.operations.update(operation, { stopReason: "cancel" });
        const worker = state.workers.get(operation.workerId!)!;
        const lease = worker.leases.get(operationId)!;
        lease.stopping = true;
        lease.lastSentAt = now;
        if (worker.connected) sendTo(state, worker, { type: "cancel", operationId, attempt: operation.attempt });
        recordEvent(state, operationId, "cancel_requested", now, { attempt: operation.attempt });
      }
      return this.#describe(state.operations.get(operationId)!);
    });
  }

  /** Queues a failed or cancelled operation again, by hand, with a fresh set of attempts. */
  retry(operationId: string, now: number): Outcome<Operation> {
    return this.#step((state) => {
      const operation = this.#require(operationId);
      if (operation.status !== "failed" && operation.status !== "cancelled") {
        throw new Problem(
          "conflict",
          `Operation ${operationId} is ${operation.status}; only failed or cancelled ones can be retried.`,
          {
            cure: "Submit a new operation instead.",
          },
        );
      }
      const { requirements, maxAttempts } = operation;
      const classId = state.classes.idOf(requirementOf(this.#specOf(operation), requirements));
      state.operations.reopen(operationId, {
        classId,
        maxAttempts,
        fallbackAt: fallbackAt(requirements.preferWaitMs, now),
      });
      state.classes.countQueued(classId, 1);
      recordEvent(state, operationId, "requeued", now, { attempt: operation.attempt, reason: "retried by hand" });
      dispatch(state, now);
      return this.#describe(state.operations.get(operationId)!);
    });
  }

  operation(operationId: string): OperationDetail {
    this.#state.operations.writeProgress();
    const record = this.#require(operationId);
    return describeOperationDetail(record, this.#waitingReason(record), this.#specOf(record));
  }

  #specOf(record: OperationRecord): OperationSpec {
    return specWire.parse(JSON.parse(record.specText));
  }

  operations(
    filter: OperationFilter,
    cursor: number | null,
    limit: number,
  ): { total: number; operations: Operation[]; nextCursor: number | null } {
    this.#state.operations.writeProgress();
    const { total, records } = this.#state.operations.list(filter, cursor, limit + 1);
    const page = records.slice(0, limit);
    return {
      total,
      operations: page.map((record) => this.#describe(record)),
      nextCursor: records.length > limit ? page.at(-1)!.sequence : null,
    };
  }

  /** Events after `afterId`, of one operation or (null) of all. */
  events(operationId: string | null, afterId: number): OperationEvent[] {
    if (operationId !== null) this.#require(operationId);
    return eventsAfter(this.#sql, operationId, afterId, LIMITS.pageEvents);
  }

  logs(operationId: string, afterId: number): { lines: LogLine[]; dropped: number } {
    this.#require(operationId);
    return logLinesAfter(this.#sql, operationId, afterId);
  }

  /** What was counted since the beginning: the counters, and the time from submission to the first hand-out. */
  counters(): { counters: Record<Counter, number>; dispatchLatency: LatencyHistogram } {
    const values = this.#tally.values();
    const counters = Object.fromEntries(COUNTERS.map((name) => [name, values.get(name) ?? 0]));
    return { counters: counters as Record<Counter, number>, dispatchLatency: latencyHistogram(values) };
  }

  queue(now: number): QueueMetrics[] {
    return queueMetrics(this.#state, now);
  }

  /** The stored artefacts' size; walks all of them. */
  storedBytes(): number {
    return storedBytes(this.#sql);
  }

  /** For what the shell alone sees, such as a message that is not JSON. */
  count(name: Counter): void {
    count(this.#sql, name);
  }

  /** Likewise, in memory until the next tick, for what may be many in a moment. */
  tally(name: Counter, by: number): void {
    this.#tally.add([[name, by]]);
  }

  operationCounts(): ReturnType<State["operations"]["countByStatus"]> {
    return this.#state.operations.countByStatus();
  }

  // Datasets

  /** Says what stored bytes are; from now on every node can have them. */
  publishDataset(sha256: string, details: PublishDatasetRequest, now: number): Outcome<StoredDataset> {
    return this.#step((state) => {
      const published = publishDataset(state, sha256, details, now);
      dispatch(state, now);
      return published;
    });
  }

  /** Takes a dataset out of the store, under whatever names it has; operations that are handed out go on. */
  withdrawDataset(sha256: string, now: number): Outcome<void> {
    return this.#step((state) => withdrawDataset(state, sha256, now));
  }

  datasets(): StoredDataset[] {
    return this.#state.datasets.list();
  }

  // Models

  /** Gives stored bytes a name, as its next version. */
  publishModel(model: NewModel, now: number): Outcome<ModelVersion> {
    return this.#step((state) => publishModel(state.sql, model, now));
  }

  /** One version, or (null) all of a name. Operations that are handed out go on. */
  removeModel(name: string, version: number | null, now: number): Outcome<void> {
    return this.#step((state) => removeModel(state.sql, name, version, now));
  }

  models(name: string | null): ModelVersion[] {
    return listModels(this.#sql, name);
  }

  /** The newest version where none is named. */
  model(name: string, version: number | null): ModelVersion {
    return findModel(this.#sql, name, version);
  }

  // Workers

  /** Registers a worker, or renews what is known of it. Idempotent; running leases stay. */
  register(request: RegisterRequest, credentialHash: string, now: number): Outcome<Worker> {
    return this.#step((state) => {
      const present = state.workers.get(request.workerId);
      if (present !== undefined && present.workerType !== request.workerType && present.leases.size > 0) {
        throw new Problem(
          "conflict",
          `Worker ${request.workerId} is registered as ${present.workerType} and runs operations.`,
          {
            cure: "Stop the other node, or choose another --worker-id.",
          },
        );
      }
      // A request that its own process gave up on, and that arrives behind its successor: the connection in use stays.
      const isLate = present?.connected === true && isSameProcess(present.metadata, request.metadata);
      const worker: WorkerRecord = {
        workerId: request.workerId,
        workerType: request.workerType,
        endpointUrl: request.endpointUrl,
        softwareVersion: request.softwareVersion,
        capabilities: request.capabilities,
        metadata: request.metadata,
        credentialHash,
        epoch: isLate ? present.epoch : nextRegistration(state.sql) * EPOCHS_PER_REGISTRATION,
        connected: present?.connected ?? false,
        draining: isLate && present.draining,
        registeredAt: present?.registeredAt ?? now,
        lastSeenAt: present?.lastSeenAt == null ? null : now,
        lastHealthCheckAt: present?.lastHealthCheckAt ?? null,
        healthFailures: present?.healthFailures ?? 0,
        disconnectedAt: present?.disconnectedAt ?? null,
        lostByOutage: present?.lostByOutage ?? false,
        protocolVersion: present?.protocolVersion ?? null,
        refusal: present?.refusal ?? null,
        lastSelectedAt: present?.lastSelectedAt ?? null,
        leases: present?.leases ?? new Map(),
      };
      if (present?.connected && !isLate) {
        closeConnection(state, present, CLOSE_CODES.superseded, "the worker registered again");
        worker.connected = false;
        worker.disconnectedAt = now;
      }
      state.workers.put(worker);
      recordWorkerMoment(state.sql, worker.workerId, "registered", now, `version ${worker.softwareVersion}`);
      return describeWorker(worker, this.#config);
    });
  }

  /** Ends a worker's connection and forgets it; what it ran goes back to the queue. */
  deregister(workerId: string, now: number): Outcome<void> {
    return this.#step((state) => {
      const worker = this.#requireWorker(workerId);
      for (const operationId of [...worker.leases.keys()]) {
        loseLease(state, worker, operationId, "lost: the worker was removed", now);
      }
      if (worker.connected) closeConnection(state, worker, CLOSE_CODES.revoked, "the worker was removed");
      state.workers.remove(worker);
      recordWorkerMoment(state.sql, workerId, "removed", now, "by an admin");
      dispatch(state, now);
    });
  }

  /** A draining worker finishes what it runs and takes nothing new. */
  drain(workerId: string, draining: boolean, now: number): Outcome<Worker> {
    return this.#step((state) => {
      const worker = this.#requireWorker(workerId);
      worker.draining = draining;
      state.workers.putHealth(worker);
      recordWorkerMoment(state.sql, workerId, draining ? "draining" : "resumed", now, "by an admin");
      dispatch(state, now);
      return describeWorker(worker, this.#config);
    });
  }

  /** What happened to a worker, also to one that was removed. */
  workerHistory(workerId: string): WorkerHistoryEntry[] {
    const moments = workerMoments(this.#sql, workerId);
    if (moments.length === 0) this.#requireWorker(workerId);
    return moments;
  }

  worker(workerId: string): Worker {
    return describeWorker(this.#requireWorker(workerId), this.#config);
  }

  workers(): Worker[] {
    return this.#state.workers.all().map((worker) => describeWorker(worker, this.#config));
  }

  /** The epoch of each worker's newest connection, also of those that are not connected. */
  epochs(): Map<string, number> {
    return new Map(this.#state.workers.all().map((worker) => [worker.workerId, worker.epoch]));
  }

  credentialHash(workerId: string): string | null {
    return this.#state.workers.get(workerId)?.credentialHash ?? null;
  }

  workerWithCredential(credentialHash: string): string | null {
    return this.#state.workers.all().find((worker) => worker.credentialHash === credentialHash)?.workerId ?? null;
  }

  /** Whether the worker holds the lease of this attempt now; what an upload must show. */
  holdsLease(workerId: string, claim: Lease): boolean {
    const worker = this.#state.workers.get(workerId);
    return worker !== undefined && heldLease(worker, claim) !== undefined;
  }

  // Connections

  /**
   * The first message of a connection. A newer epoch replaces the older connection; an older one is closed.
   * Leases that the worker still runs live on; the ones that it does not know were lost with its process.
   * Answers null when the connection is now the worker's own, or why it is to be closed.
   */
  hello(workerId: string, message: Hello, now: number): Outcome<Refusal | null> {
    return this.#step((state) => {
      const worker = state.workers.get(workerId);
      if (worker === undefined) return { code: CLOSE_CODES.revoked, reason: "the worker is not registered" };
      const refusal = greet(state, worker, message, now);
      dispatch(state, now);
      return refusal;
    });
  }

  /**
   * The first message of a connection that cannot be read, since it is of a version that is not spoken here. `epoch` is what
   * it says, or null where that cannot be read either. Answers why it is to be closed; null for a version that is spoken.
   */
  helloOfOtherVersion(workerId: string, version: number, epoch: number | null, now: number): Outcome<Refusal | null> {
    return this.#step((state) => {
      const worker = state.workers.get(workerId);
      const refusal = versionRefusal(version, this.#config.oldestProtocolVersion);
      if (worker === undefined || refusal === null) return refusal;
      const isOutdated = worker.connected && (epoch === null || epoch <= worker.epoch);
      if (isOutdated) return refusal;
      refuse(state, worker, { version, epoch: epoch ?? worker.epoch, refusal }, now);
      dispatch(state, now);
      return refusal;
    });
  }

  /** The connection of this epoch closed. Its leases live on for the grace period. */
  disconnect(workerId: string, epoch: number, now: number): Outcome<void> {
    return this.#step((state) => {
      const worker = state.workers.get(workerId);
      if (worker === undefined || worker.epoch !== epoch || !worker.connected) return;
      worker.connected = false;
      worker.disconnectedAt = now;
      state.workers.putHealth(worker);
      recordWorkerMoment(state.sql, workerId, "disconnected", now);
    });
  }

  /**
   * The registry started: workers that storage believes connected, and whose sockets are gone, get a longer grace period from
   * now, since it was the registry that went away.
   */
  wake(connections: ReadonlyMap<string, number>, now: number): Outcome<void> {
    return this.#step((state) => {
      const workers = state.workers.all();
      const outage = workers.some((worker) => worker.connected && connections.get(worker.workerId) !== worker.epoch);
      for (const worker of workers) {
        if (connections.get(worker.workerId) === worker.epoch) continue;
        if (!worker.connected && !(outage && worker.leases.size > 0)) continue;
        worker.connected = false;
        worker.disconnectedAt = now;
        worker.lostByOutage = true;
        state.workers.putHealth(worker);
      }
    });
  }

  /** Any later message of a connection: a frame of one. */
  receive(workerId: string, epoch: number, message: LaterMessage, now: number): Outcome<void> {
    return this.receiveAll(workerId, epoch, [message], now);
  }

  /**
   * The messages of one frame, in order, in one step: what they free is handed out once, after the last of them.
   * Messages of a connection that is not the worker's present one change nothing.
   */
  receiveAll(workerId: string, epoch: number, messages: readonly LaterMessage[], now: number): Outcome<void> {
    return this.#step((state) => {
      const worker = state.workers.get(workerId);
      if (worker === undefined || worker.epoch !== epoch || !worker.connected) return;
      worker.lastSeenAt = now;
      let mayHandOut = !isReachable(worker, this.#config);
      if (worker.healthFailures > 0) {
        worker.healthFailures = 0;
        state.workers.putHealth(worker);
      }
      for (const message of messages) mayHandOut = hear(state, worker, message, now) || mayHandOut;
      if (mayHandOut) dispatch(state, now);
    });
  }

  // Time

  /** What time alone changes. The shell calls it from the alarm, and before it shows workers. */
  tick(heartbeats: Heartbeats, now: number): Outcome<void> {
    this.#tally.flush();
    return this.#step((state) => {
      state.operations.forgetMoments();
      state.operations.writeProgress();
      checkHealth(state, heartbeats, now);
      removeExpired(state, now);
      removeUnusedClasses(state);
      dispatch(state, now);
    });
  }

  /** When `tick` is due next, or null when nothing changes by itself. */
  nextDueAt(now: number): number | null {
    return nextDueAt(this.#state, now);
  }

  // Within

  #step<T>(work: (state: State) => T): Outcome<T> {
    const state = this.#state;
    state.effects = [];
    state.observations = [];
    try {
      const value = this.#sql.transaction(() => {
        const result = work(state);
        writeEvents(this.#sql, state.effects);
        return result;
      });
      this.#tally.add(state.observations);
      return { value, effects: state.effects };
    } catch (error) {
      this.#state = loadState(this.#sql, this.#config);
      throw error;
    }
  }

  #require(operationId: string): OperationRecord {
    const operation = this.#state.operations.get(operationId);
    if (operation === undefined) {
      throw new Problem("not-found", `There is no operation ${operationId}.`, {
        cure: "List them with `ktrdr ops list`.",
      });
    }
    return operation;
  }

  #requireWorker(workerId: string): WorkerRecord {
    const worker = this.#state.workers.get(workerId);
    if (worker === undefined) {
      throw new Problem("not-found", `There is no worker ${workerId}.`, { cure: "List them with `ktrdr workers`." });
    }
    return worker;
  }

  #describe(record: OperationRecord): Operation {
    return describeOperation(record, this.#waitingReason(record));
  }

  #waitingReason(record: OperationRecord): string | null {
    if (record.status !== "queued") return null;
    const last = record.evidence.at(-1);
    const workers = this.#state.workers.all();
    const requirement = this.#state.classes.requirement(record.classId);
    const reason = waitingReason(
      requirement,
      storedDatasets(this.#state, requirement),
      workers,
      (worker) => canTakeWork(worker, this.#config),
      (worker) => isReachable(worker, this.#config),
    );
    return last === undefined ? reason : `${reason} (attempt ${last.attempt} on ${last.workerId} ${last.reason})`;
  }
}

function isSameProcess(left: WorkerRecord["metadata"], right: WorkerRecord["metadata"]): boolean {
  return typeof left.instance === "string" && left.instance === right.instance;
}

/** The operations that a step handed out. */
function assignedBy(effects: readonly Effect[]): Set<string> {
  const assigned = new Set<string>();
  for (const effect of effects) {
    if (effect.type === "send" && effect.message.type === "assign") assigned.add(effect.message.operationId);
  }
  return assigned;
}

/** Counted over all workers and for ever: a worker that was removed and comes back goes on above its old epochs. */
function nextRegistration(sql: Sql): number {
  count(sql, "registrations");
  return counterValue(sql, "registrations");
}

/** A registration leaves room for as many connections before the next registration's epochs begin. */
const EPOCHS_PER_REGISTRATION = 2 ** 20;
