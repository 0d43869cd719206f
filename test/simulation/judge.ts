/**
 * Looks at every step of the registry and throws when one of the promises is broken:
 * 1. at most one live lease an operation, no worker above its slots, an (operation, attempt) is one worker's and runs once;
 * 2. a terminal status is reached once, and left only by a retry by hand;
 * 3. while a capable connected worker has a free slot, nothing that it could run now waits;
 * 4. an acknowledged message is durable, a result is the present attempt's, and its bytes are in the store;
 * 5. the registry's answers follow from storage alone;
 * 6. operations are handed out in order of rank;
 * 7. the alarm is set for whatever comes due, and does not go off again and again for nothing;
 * 8. no lease is taken from a connected worker whose heartbeats were answered, whatever the registry has forgotten;
 * 9. bytes that nothing refers to are collected in the end, and no others.
 * It knows the storage from a journal that triggers write, and not from the scheduler's own account.
 */
import { isDeepStrictEqual } from "node:util";
import { type Effect, leaseMs, type Scheduler, type Sql } from "../../durable-objects/scheduler/index.ts";
import type { DatasetRef, Lease, NodeMessage, OperationStatus, RegistryMessage, Worker } from "../../protocol/index.ts";
import { Journal, type JournalEntry } from "./journal.ts";
import type { NodeProcess } from "./node-process.ts";
import {
  capableOf,
  isTerminal,
  meantVersion,
  type Published,
  precedes,
  type TrackedOperation,
  track,
  waitsFor,
} from "./tracked-operation.ts";
import { Violation } from "./violation.ts";
import { checkpointOf, contentOf, type Task } from "./workload.ts";
import type { World } from "./world.ts";

const SUCCESSORS: Readonly<Record<OperationStatus, readonly OperationStatus[]>> = {
  queued: ["running", "failed", "cancelled"],
  running: ["queued", "completed", "failed", "cancelled"],
  completed: [],
  failed: ["queued"],
  cancelled: ["queued"],
};

/** After this many steps, all of storage is compared with the registry's answers. */
const STEPS_BETWEEN_AUDITS = 2_500;
const IDLE_ALARMS_ALLOWED = 20;

export class Judge {
  readonly #world: World;
  readonly #journal: Journal;
  readonly #sql: Sql;
  #published: readonly Published[] = [];
  readonly #operations = new Map<string, TrackedOperation>();
  readonly #queued = new Set<TrackedOperation>();
  readonly #running = new Set<TrackedOperation>();
  readonly #started = new Set<string>();
  /** Handed out in the present step. */
  #handedOut: TrackedOperation[] = [];
  #step = "";
  #subject = "";
  #wrote = false;
  #sent = false;
  /** Time of the last step that hands out whatever can be; long ago after the clock went back. */
  #attendedAt = Number.NEGATIVE_INFINITY;
  #stepsToAudit = STEPS_BETWEEN_AUDITS;
  #idleAlarms = 0;

  constructor(world: World) {
    this.#world = world;
    this.#journal = new Journal(world.plane.sql);
    this.#sql = world.plane.sql;
  }

  require(condition: boolean, invariant: string, sentence: string): void {
    if (!condition) throw new Violation(invariant, `${sentence} (during ${this.#step} ${this.#subject})`);
  }

  get queuedCount(): number {
    return this.#queued.size;
  }

  isKnown(operationId: string): boolean {
    return this.#operations.has(operationId);
  }

  mayRetry(operationId: string): boolean {
    const status = this.#operations.get(operationId)?.status;
    return status === "failed" || status === "cancelled";
  }

  openOperations(): string[] {
    return [...this.#queued, ...this.#running].map(({ operationId }) => operationId);
  }

  // Reports of the world

  /** Checks the answer to a submission: each operation is there, and the same key gave the same one. */
  accepted(tasks: readonly Task[], operationIds: readonly string[]): void {
    for (const [index, task] of tasks.entries()) {
      this.require(operationIds[index] === task.operationId, "4", `${task.operationId} is what its key gives`);
      this.require(this.#operations.has(task.operationId), "4", `accepted ${task.operationId} is stored`);
    }
  }

  cancelling(operationId: string): void {
    const operation = this.#operations.get(operationId);
    if (operation !== undefined) operation.cancelAsked = true;
  }

  /** Checks that no attempt's thread begins twice, on any machine. */
  started(process: NodeProcess, lease: Lease): void {
    const key = `${lease.operationId}#${lease.attempt}`;
    this.require(!this.#started.has(key), "1", `${key} starts once`);
    this.#started.add(key);
    this.require(process.runningJobs < process.state.capabilities.slots, "1", `${key} starts in a free slot`);
    const operation = this.#operations.get(lease.operationId);
    if (operation === undefined) return;
    this.#world.tally.executions++;
    operation.executions++;
  }

  receiving(workerId: string, epoch: number, message: Exclude<NodeMessage, { type: "hello" }>): void {
    if (message.type !== "complete") return;
    const operation = this.#operations.get(message.operationId);
    const held = operation?.status === "running" && operation.workerId === workerId;
    if (operation === undefined || !held || operation.attempt !== message.attempt) {
      const repeated = operation?.status === "completed" && operation.attempt === message.attempt;
      if (!repeated) this.#world.tally.fencedOff++;
    }
    this.#world.trace.note(this.#world.queue.now, "complete at epoch", epoch);
  }

  /** Serves a canary: makes the message look like the present attempt's. */
  withPresentAttempt<T extends NodeMessage>(message: T): T {
    if (!("operationId" in message)) return message;
    const operation = this.#operations.get(message.operationId);
    return operation === undefined ? message : { ...message, attempt: Math.max(1, operation.attempt) };
  }

  /** Checks a message that leaves: its content must be in storage by now. */
  sending(workerId: string, message: RegistryMessage): void {
    this.#sent = true;
    this.#readJournal();
    if (message.type !== "assign" && message.type !== "acknowledge") return;
    const { operationId, attempt } = message;
    const operation = this.#operations.get(operationId);
    const name = `${operationId}#${attempt}`;
    if (message.type === "acknowledge") {
      const live = operation?.status === "running" && operation.attempt === attempt;
      this.require(operation !== undefined && !live, "4", `the end of ${name} is stored when it is acknowledged`);
      return;
    }
    const stored = operation?.status === "running" && operation.attempt === attempt && operation.workerId === workerId;
    this.require(stored, "4", `the lease of ${name} for ${workerId} is stored when it is assigned`);
    const meant = operation === undefined ? null : meantVersion(operation, this.#published);
    this.require(
      (message.dataset?.sha256 ?? null) === meant,
      "4",
      `${name} is assigned with the version that it means`,
    );
    if (message.checkpoint === null) return;
    const readable = this.#world.plane.store.has(message.checkpoint);
    this.require(readable, "4", `the checkpoint that ${name} goes on from can be read`);
    const earlier = Array.from({ length: attempt - 1 }, (_, index) =>
      checkpointOf({ operationId, attempt: index + 1 }),
    );
    this.require(earlier.includes(message.checkpoint), "4", `${name} goes on from an earlier attempt of its own`);
    this.#world.tally.resumed++;
  }

  /** An assignment arrives at a node, wherever it came from. */
  assigned(workerId: string, message: RegistryMessage): void {
    if (message.type !== "assign") return;
    const operation = this.#operations.get(message.operationId);
    if (operation === undefined) return;
    const holder = operation.holders.get(message.attempt) ?? workerId;
    const name = `${message.operationId}#${message.attempt}`;
    this.require(holder === workerId, "1", `${name} is assigned to ${holder} alone, and not to ${workerId}`);
    operation.holders.set(message.attempt, workerId);
  }

  /** Market data in the store, the newest last. */
  get published(): readonly Published[] {
    return this.#published;
  }

  /** A job begins with these bars. */
  fetched(lease: Lease, { sha256 }: DatasetRef, bytes: string | undefined): void {
    const name = `${lease.operationId}#${lease.attempt}`;
    this.require(bytes === contentOf(sha256), "4", `${name} gets the bytes that ${sha256} names`);
  }

  /** The alarm before this had something to clear away. */
  alarmWasUseful(): void {
    this.#idleAlarms = 0;
  }

  /** The store is about to delete these bytes. */
  collected(sha256: string): void {
    const isPublished = this.#published.some((dataset) => dataset.sha256 === sha256);
    this.require(!isPublished, "4", `${sha256} is a dataset, and is not deleted`);
    const [row] = this.#sql.all<{ count: number }>(
      `SELECT COUNT(*) AS count FROM operations
       WHERE artefact = ? OR (checkpoint = ? AND status IN ('queued', 'running'))`,
      sha256,
      sha256,
    );
    this.require(row?.count === 0, "4", `${sha256} is a result or a checkpoint in use, and is not deleted`);
  }

  /** Checks a step's decisions before anybody hears of them: a worker whose heartbeats were answered loses no lease. */
  decided(effects: readonly Effect[], now: number): void {
    for (const effect of effects) {
      if (effect.type !== "event" || effect.event.data.reason !== "lost: no heartbeat") continue;
      const { operationId } = effect.event;
      const workerId = this.#operations.get(operationId)?.workerId ?? "";
      const silentMs = now - (this.#world.plane.heartbeatAt(workerId) ?? Number.NEGATIVE_INFINITY);
      const isSilent = silentMs >= leaseMs(this.#world.config);
      this.require(isSilent, "8", `${operationId} stays with ${workerId}, which was heard of ${silentMs} ms ago`);
    }
  }

  forgetJournal(): void {
    this.#journal.take();
  }

  // Around each step

  beforeStep(step: string, subject: string): void {
    this.#step = step;
    this.#subject = subject;
    this.#handedOut = [];
    this.#wrote = false;
    this.#sent = false;
  }

  afterStep(scheduler: Scheduler | null, now: number): void {
    this.#readJournal();
    if (scheduler === null) return;
    if (this.#step === "tick" || this.#step === "submit") this.#attendedAt = now;
    else if (now < this.#attendedAt) this.#attendedAt = Number.NEGATIVE_INFINITY;
    const workers = scheduler.workers.list();
    this.#checkLeases(workers);
    this.#checkOrder(workers, now);
    this.#checkNothingWaits(workers, now);
    this.#checkAlarm(now);
    if (--this.#stepsToAudit <= 0) this.audit(scheduler);
  }

  #readJournal(): void {
    for (const entry of this.#journal.take()) this.#apply(entry);
    if (this.#step === "publish" || this.#step === "withdraw") {
      this.#published = this.#sql.all<Published & Record<string, string>>(
        "SELECT symbol, sha256 FROM datasets ORDER BY version",
      );
      for (const { symbol, sha256 } of this.#published) this.#checkBytes(`dataset ${symbol}`, sha256);
    }
  }

  #apply(entry: JournalEntry): void {
    this.#wrote = true;
    const known = this.#operations.get(entry.operationId);
    if (entry.change === "removed") {
      this.require(known !== undefined && isTerminal(known.status), "2", `${entry.operationId} has ended when removed`);
      this.#operations.delete(entry.operationId);
      return;
    }
    if (known === undefined) {
      this.require(entry.status === "queued" && entry.attempt === 0, "2", `${entry.operationId} begins in the queue`);
      const operation = track(entry, this.#world.workload.task(entry.operationId));
      this.#operations.set(entry.operationId, operation);
      this.#queued.add(operation);
      this.#world.tally.submitted++;
      return;
    }
    this.#checkChange(known, entry);
    Object.assign(known, entry);
    this.#queued.delete(known);
    this.#running.delete(known);
    if (entry.status === "queued") this.#queued.add(known);
    if (entry.status === "running") this.#running.add(known);
  }

  #checkChange(operation: TrackedOperation, entry: JournalEntry): void {
    const { operationId, status } = operation;
    const name = `${operationId}#${operation.attempt}`;
    const handedOut = status === "queued" && entry.status === "running";
    this.require(entry.attempt === operation.attempt + (handedOut ? 1 : 0), "1", `${name} is counted at hand-out`);
    if (handedOut) this.#handedOut.push(operation);
    if (entry.status === status) return;
    this.require(SUCCESSORS[status].includes(entry.status), "2", `${name} may go from ${status} to ${entry.status}`);
    if (isTerminal(status)) {
      const byHand = this.#step === "retry" && this.#subject === operationId;
      this.require(byHand, "2", `${name} leaves ${status} by hand alone`);
      this.#world.tally.retries++;
      this.#world.tally[status as "failed" | "cancelled"]--;
      operation.cancelAsked = false;
    }
    if (entry.status === "cancelled")
      this.require(operation.cancelAsked, "2", `${name} is cancelled when that was asked`);
    if (entry.status === "completed") this.#checkResult(operation, entry);
    if (isTerminal(entry.status)) this.#world.tally[entry.status as "completed" | "failed" | "cancelled"]++;
  }

  #checkResult({ operationId, attempt, workerId }: TrackedOperation, entry: JournalEntry): void {
    const result = JSON.parse(entry.result ?? "null");
    const own = { operation: operationId, attempt, worker: workerId };
    const name = `${operationId}#${attempt}`;
    const origin = JSON.stringify(result?.summary);
    this.require(
      isDeepStrictEqual(result.summary, own),
      "4",
      `the result of ${name} by ${workerId} is its own: ${origin}`,
    );
    this.#checkBytes(name, result.sha256);
  }

  #checkBytes(name: string, sha256: string | null): void {
    if (sha256 === null) return;
    const bytes = this.#world.plane.store.get(sha256);
    this.require(bytes === contentOf(sha256), "4", `the bytes of ${name} are in the store`);
  }

  #checkLeases(workers: readonly Worker[]): void {
    let held = 0;
    for (const worker of workers) {
      held += worker.slotsUsed;
      const within = !worker.connected || worker.slotsUsed <= worker.slots;
      this.require(within, "1", `${worker.workerId} has ${worker.slotsUsed} leases and ${worker.slots} slots`);
      for (const operationId of worker.currentOperationIds) {
        const operation = this.#operations.get(operationId);
        const stored = operation?.status === "running" && operation.workerId === worker.workerId;
        this.require(stored, "5", `the lease of ${worker.workerId} on ${operationId} is stored`);
      }
    }
    this.require(held === this.#running.size, "1", `${this.#running.size} operations run under ${held} leases`);
  }

  #checkOrder(workers: readonly Worker[], now: number): void {
    for (const chosen of this.#handedOut) {
      const worker = workers.find(({ workerId }) => workerId === chosen.workerId);
      if (worker === undefined) continue;
      for (const other of this.#queued) {
        const before =
          precedes(other, chosen) &&
          capableOf(other, worker, this.#published) &&
          !waitsFor(other, worker, now, this.#world.config);
        this.require(!before, "6", `${chosen.operationId} goes to ${worker.workerId} after ${other.operationId}`);
      }
    }
  }

  #checkNothingWaits(workers: readonly Worker[], now: number): void {
    if (this.#queued.size === 0) return;
    const at = Math.min(now, this.#attendedAt);
    const { config } = this.#world;
    for (const worker of workers) {
      const well = worker.connected && worker.healthCheckFailures < config.failureThreshold;
      if (!well || worker.draining || worker.slotsUsed >= worker.slots) continue;
      for (const operation of this.#queued) {
        const idle = capableOf(operation, worker, this.#published) && !waitsFor(operation, worker, at, config);
        this.require(!idle, "3", `${operation.operationId} does not wait while ${worker.workerId} is free`);
      }
    }
  }

  #checkAlarm(now: number): void {
    const { alarmAt } = this.#world.plane;
    const covers = (at: number, what: string): void => {
      if (at > now) this.require(alarmAt !== null && alarmAt <= at, "7", `the alarm comes before ${what} at ${at}`);
    };
    for (const operation of this.#queued) {
      covers(operation.notBefore, `the delay of ${operation.operationId} ends`);
      covers(operation.fallbackAt, `the preference of ${operation.operationId} ends`);
      if (operation.deadlineAt !== null) covers(operation.deadlineAt, `the deadline of ${operation.operationId}`);
    }
    for (const operation of this.#running) {
      if (operation.deadlineAt === null || operation.stopReason !== null) continue;
      covers(operation.deadlineAt, `the deadline of ${operation.operationId}`);
    }
    if (this.#step !== "tick") return;
    const spins = !this.#wrote && !this.#sent && alarmAt !== null && alarmAt <= now + 2;
    this.#idleAlarms = spins ? this.#idleAlarms + 1 : 0;
    this.require(
      this.#idleAlarms < IDLE_ALARMS_ALLOWED,
      "7",
      `the alarm went off ${this.#idleAlarms} times for nothing`,
    );
  }

  // From time to time

  /** Compares all answers with those of another scheduler on the same storage. */
  audit(scheduler: Scheduler): void {
    this.#stepsToAudit = STEPS_BETWEEN_AUDITS;
    this.#world.tally.audits++;
    const fresh = this.#world.plane.open();
    const shown = scheduler.operations.list({}, null, 100_000);
    this.require(
      isDeepStrictEqual(shown, fresh.operations.list({}, null, 100_000)),
      "5",
      "the operations follow from storage",
    );
    const stored = new Map(fresh.workers.list().map((worker) => [worker.workerId, comparable(worker)]));
    for (const worker of scheduler.workers.list()) {
      const [here, there] = [comparable(worker), stored.get(worker.workerId)];
      this.require(here === there, "5", `a worker follows from storage: shown ${here}, stored ${there}`);
    }
    this.require(stored.size === scheduler.workers.list().length, "5", "no worker is in storage alone");
    this.require(shown.total === this.#operations.size, "5", "the journal knows every operation");
    for (const operation of shown.operations) {
      const known = this.#operations.get(operation.operationId);
      this.require(known?.status === operation.status, "5", `${operation.operationId} is shown as it is stored`);
      if (operation.result !== null) this.#checkBytes(operation.operationId, operation.result.sha256);
    }
    for (const { symbol, sha256 } of this.#published) this.#checkBytes(`dataset ${symbol}`, sha256);
  }

  /** Checks after a quiet time that only published bytes are left. */
  checkCollected(): void {
    const { store } = this.#world.plane;
    const names = (query: string): string[] => this.#sql.all<{ name: string }>(query).map(({ name }) => name);
    const published = new Set(this.#published.map(({ sha256 }) => sha256));
    this.require(this.#operations.size === 0, "9", "operations that ended long ago are removed");
    const recorded = names("SELECT sha256 AS name FROM artefacts");
    const kept = recorded.every((sha256) => published.has(sha256)) && recorded.length === published.size;
    this.require(kept, "9", `${recorded.length} artefacts are known, of which ${published.size} are published`);
    this.require(
      recorded.every((sha256) => store.has(sha256)),
      "9",
      "what is known to be stored is stored",
    );
    const open = names("SELECT upload_id AS name FROM uploads");
    this.require(open.length === 0, "9", `${open.length} uploads that nobody goes on with are known`);
  }

  /** Checks after the healing that nothing is open any more. */
  checkAllEnded(boundMs: number): void {
    const open = [...this.#queued, ...this.#running];
    const sample = open
      .slice(0, 5)
      .map(({ operationId, status, workerId, notBefore, rejectedBy, stopReason, task }) =>
        JSON.stringify({ operationId, status, workerId, notBefore, rejectedBy, stopReason, fate: task.fate }),
      );
    if (open.length > 0) {
      throw new Violation(
        "liveness",
        `${open.length} operations have not ended ${boundMs} ms after the healing: ${sample.join(" ")}`,
      );
    }
  }
}

/** A check that finds all well is not written: the last one, and the last sign of life, are newer in memory. Leases have no order. */
function comparable(worker: Worker): string {
  const { lastHealthyAt, lastHealthCheck, currentOperationId, currentOperationIds, ...rest } = worker;
  return JSON.stringify({
    ...rest,
    operations: [...currentOperationIds].sort(),
    isBusy: currentOperationId !== null,
    wasSeen: lastHealthyAt !== null,
    wasChecked: lastHealthCheck !== null,
  });
}
