/**
 * The registry in a simulated world: the real scheduler on real SQLite, and around it a copy of `worker-registry.ts` and
 * `connections.ts`. Every step passes through `#commit`, where the judge looks at it.
 */
import { type Effect, type Outcome, Scheduler, type Sql } from "../../durable-objects/scheduler/index.ts";
import {
  type Capabilities,
  CLOSE_CODES,
  type NodeMessage,
  Problem,
  type RegistryMessage,
} from "../../protocol/index.ts";
import { type NodeSql, nodeSql } from "../support/node-sql.ts";
import { ArtefactCollector } from "./artefact-collector.ts";
import { type Canary, inSavepoints } from "./canary.ts";
import { describeMessage, Frames } from "./frames.ts";
import type { Line } from "./network.ts";
import { ObjectStore } from "./object-store.ts";
import type { SimulatedNode } from "./simulated-node.ts";
import type { Task } from "./workload.ts";
import type { World } from "./world.ts";

const WORLD_BEGAN_AT = Date.UTC(2026, 0, 5);
const FAULTS_ALLOWED = 20;

/** Nobody answers: the process is not there, or died between a commit and its effects. */
export class RegistryIsDown extends Error {}

export class ControlPlane {
  readonly sql: NodeSql;
  readonly store = new ObjectStore();
  readonly collector: ArtefactCollector;
  /** Sockets that the runtime knows, closing ones among them. */
  readonly lines = new Set<Line>();
  readonly #world: World;
  /** The same database as the registry sees it. */
  readonly storage: Sql;
  readonly #canary: Canary | null;
  readonly #frames = new Frames();
  readonly #byWorker = new Map<string, Line>();
  #scheduler: Scheduler | null = null;
  #wallOffset = 0;
  #alarmAt: number | null = null;
  #alarmTicket = 0;
  #checkedAt = 0;
  #credentials = 0;
  #diesAtNextCommit = false;
  /** Set by a canary: earlier heartbeats count for nothing. */
  #heartbeatsKnownFrom = Number.NEGATIVE_INFINITY;

  constructor(world: World, canary: Canary | null) {
    this.#world = world;
    this.#canary = canary;
    this.sql = nodeSql();
    this.collector = new ArtefactCollector(world);
    this.storage = canary === "send-before-write" ? inSavepoints(this.sql) : this.sql;
    this.#scheduler = this.open();
  }

  get isUp(): boolean {
    return this.#scheduler !== null;
  }

  /** The registry's wall clock, which jumps. */
  get wallNow(): number {
    return WORLD_BEGAN_AT + this.#world.queue.now + this.#wallOffset;
  }

  get alarmAt(): number | null {
    return this.#alarmAt;
  }

  /** Another scheduler on the same storage. */
  open(): Scheduler {
    return new Scheduler(this.storage, this.#world.config);
  }

  // Requests of people and nodes over HTTPS

  submit(tasks: readonly Task[]): void {
    this.#serve((scheduler) => {
      this.#lookAtHeartbeats();
      const submissions = tasks.map(({ request, operationId, key }) => ({
        request,
        operationId,
        idempotency: key === null ? null : { key, hash: key },
      }));
      const accepted = this.#commit("submit", "", (now) => scheduler.operations.submit(submissions, now));
      this.#world.judge.accepted(
        tasks,
        accepted.map(({ operationId }) => operationId),
      );
    });
  }

  /** Submits the same keys again, as after a lost answer: the same operations must come back. */
  submitAgain(tasks: readonly Task[], otherId: string): void {
    this.#serve((scheduler) => {
      for (const task of tasks) {
        if (!this.#world.judge.isKnown(task.operationId)) continue;
        const idempotency = { key: task.key ?? "", hash: task.key ?? "" };
        const again = { request: task.request, operationId: otherId, idempotency };
        const answer = this.#commit("submit", "", (now) => scheduler.operations.submit([again], now));
        this.#world.judge.accepted(
          [task],
          answer.map(({ operationId }) => operationId),
        );
      }
    });
  }

  cancel(operationId: string): void {
    this.#world.judge.cancelling(operationId);
    this.#serve((scheduler) =>
      this.#commit("cancel", operationId, (now) => scheduler.operations.cancel(operationId, now)),
    );
  }

  retry(operationId: string): void {
    this.#serve((scheduler) =>
      this.#commit("retry", operationId, (now) => scheduler.operations.retry(operationId, now)),
    );
  }

  deregister(workerId: string): void {
    this.#serve((scheduler) =>
      this.#commit("deregister", workerId, (now) => scheduler.workers.deregister(workerId, now)),
    );
  }

  drain(workerId: string, draining: boolean): void {
    this.#serve((scheduler) =>
      this.#commit("drain", workerId, (now) => scheduler.workers.drain(workerId, draining, now)),
    );
  }

  /** True where every node is connected, and the registry and the node mean the same connection. */
  get knowsAllNodes(): boolean {
    const workers = new Map(this.#scheduler?.workers.list().map((worker) => [worker.workerId, worker]));
    return this.#world.nodes.every((node) => {
      const worker = workers.get(node.workerId);
      const isConnected = node.process?.state.connection.phase === "connected";
      return isConnected && worker?.status === "available" && worker.epoch === node.process?.state.epoch;
    });
  }

  /** Does the first step of a list of workers. */
  look(): void {
    this.#serve(() => this.#lookAtHeartbeats());
  }

  /** Returns the stored credential where it is still good, otherwise a new one for the enrolment token. */
  register(
    node: SimulatedNode,
    capabilities: Capabilities,
    instance: string,
  ): { credential: string; epoch: number } | undefined {
    return this.#serve((scheduler) => {
      const { workerId, workerType } = node;
      const known = node.credential !== null && scheduler.workers.credentialHash(workerId) === node.credential;
      const credential = known && node.credential !== null ? node.credential : `credential-${++this.#credentials}`;
      const request = {
        workerId,
        workerType,
        endpointUrl: "",
        softwareVersion: "1",
        capabilities,
        metadata: { instance },
      };
      const worker = this.#commit("register", workerId, (now) => scheduler.workers.register(request, credential, now));
      return { credential, epoch: worker.epoch };
    });
  }

  /** Makes an RPC: throws `RegistryIsDown` where nobody answers, and the errors of `work`. */
  call<T>(work: (scheduler: Scheduler) => T): T {
    if (this.#scheduler === null) throw new RegistryIsDown();
    return work(this.#scheduler);
  }

  /** Runs one step that a request asks for. */
  commit<T>(step: string, subject: string, run: (scheduler: Scheduler, now: number) => Outcome<T>): T {
    return this.call((scheduler) => this.#commit(step, subject, (now) => run(scheduler, now)));
  }

  isWorker(workerId: string, credential: string | null): boolean {
    return credential !== null && this.#scheduler?.workers.credentialHash(workerId) === credential;
  }

  // Sockets

  accept(line: Line): void {
    line.registryEnd = "open";
    this.lines.add(line);
  }

  frameSent(line: Line, messages: readonly NodeMessage[]): void {
    const frame = this.#frames.fromNode(messages);
    const label = messages.map(describeMessage).join(", ");
    this.#world.network.carry(line, label, () => this.#frameArrived(line, frame));
  }

  #frameArrived(line: Line, messages: readonly NodeMessage[]): void {
    this.#serve(() => {
      for (const message of messages) {
        if (line.registryEnd !== "open") return;
        const { trace, queue } = this.#world;
        trace.note(queue.now, line.workerId, line.id, "→", describeMessage(message));
        try {
          this.#receive(line, message);
        } catch (error) {
          if (!(error instanceof Problem)) throw error;
          this.#refuse(line, error);
          return;
        }
      }
    });
  }

  #receive(line: Line, message: NodeMessage): void {
    const scheduler = this.#scheduler as Scheduler;
    const { workerId, identifiedEpoch } = line;
    if (message.type !== "hello") {
      if (identifiedEpoch === null) throw new Problem("invalid-request", "The first message must be hello.");
      const fenced = this.#canary === "ignore-attempt" ? this.#world.judge.withPresentAttempt(message) : message;
      this.#world.judge.receiving(workerId, identifiedEpoch, fenced);
      this.#commit("receive", describeMessage(fenced), (now) =>
        scheduler.sessions.receive(workerId, identifiedEpoch, fenced, now),
      );
      return;
    }
    if (identifiedEpoch !== null && identifiedEpoch !== message.epoch) {
      throw new Problem("invalid-request", "A connection keeps the epoch of its first hello.");
    }
    line.identifiedEpoch = message.epoch;
    const refusal = this.#commit("hello", workerId, (now) => scheduler.sessions.hello(workerId, message, now));
    if (refusal === null) this.#byWorker.set(workerId, line);
    else this.#world.network.closeFromRegistry(line, refusal.code, refusal.reason);
  }

  #refuse(line: Line, problem: Problem): void {
    this.#send(line, [{ type: "refused", reason: problem.message }]);
    line.faults++;
    if (line.faults > FAULTS_ALLOWED) {
      this.#world.network.closeFromRegistry(line, CLOSE_CODES.misbehaving, "too many messages that were refused");
    }
  }

  /** Sends the runtime's close event. A registry that is down notices when it wakes without the socket. */
  lineClosed(line: Line): void {
    if (line.registryEnd === "closed") return;
    line.registryEnd = "closed";
    this.lines.delete(line);
    this.#forget(line);
    const { identifiedEpoch, workerId } = line;
    if (identifiedEpoch === null) return;
    this.#serve((scheduler) => {
      this.#commit("disconnect", workerId, (now) => scheduler.sessions.disconnect(workerId, identifiedEpoch, now));
      if (this.#canary === "forget-lease-on-disconnect") this.#forgetLeases(workerId);
    });
  }

  #forget(line: Line): void {
    if (this.#byWorker.get(line.workerId) === line) this.#byWorker.delete(line.workerId);
  }

  /** Plants the bug: memory loses leases that storage has. */
  #forgetLeases(workerId: string): void {
    const held = this.sql.all<{ operation_id: string }>(
      "SELECT operation_id FROM operations WHERE status = 'running' AND worker_id = ?",
      workerId,
    );
    const setStatus = (status: string): void => {
      for (const { operation_id } of held) {
        this.sql.run("UPDATE operations SET status = ? WHERE operation_id = ?", status, operation_id);
      }
    };
    setStatus("cancelled");
    this.#scheduler = this.open();
    setStatus("running");
    this.#world.judge.forgetJournal();
  }

  // Life and death of the registry

  /** Kills the registry at once, or right after the next commit, before its effects go out. */
  restart(afterNextCommit = false): void {
    if (afterNextCommit) {
      this.#diesAtNextCommit = true;
      return;
    }
    if (this.#scheduler === null) return;
    const { queue, chance, trace, tally, network } = this.#world;
    tally.restarts++;
    trace.note(queue.now, "the registry dies");
    this.#scheduler = null;
    this.#diesAtNextCommit = false;
    this.collector.forget();
    for (const line of this.lines) {
      line.registryEnd = "closed";
      network.cut(line, chance.perMille(200) ? "nobody" : "node");
    }
    this.lines.clear();
    this.#byWorker.clear();
    queue.after(chance.between(1, chance.pick([10, 1_000, 20_000])), () => this.#start());
  }

  #start(): void {
    this.#world.trace.note(this.#world.queue.now, "the registry starts");
    this.#checkedAt = 0;
    this.#wake();
  }

  /** Loses memory and keeps the sockets. The runtime waits for an alarm that is at work. */
  hibernate(): void {
    if (this.#scheduler === null || this.collector.isAtWork) return;
    if (this.#canary === "forget-heartbeats") this.#heartbeatsKnownFrom = this.wallNow;
    this.#world.tally.hibernations++;
    this.#wake();
  }

  #wake(): void {
    this.#scheduler = this.open();
    this.#byWorker.clear();
    const present = this.#scheduler.workers.epochs();
    const lines = [...this.lines];
    if (this.#world.chance.perMille(500)) lines.reverse();
    for (const line of lines) {
      const isPresent = line.identifiedEpoch !== null && line.identifiedEpoch === present.get(line.workerId);
      if (isPresent) this.#byWorker.set(line.workerId, line);
    }
    const epochs = new Map([...this.#byWorker].map(([workerId, line]) => [workerId, line.identifiedEpoch ?? 0]));
    this.#serve((scheduler) => this.#commit("wake", "", (now) => scheduler.sessions.wake(epochs, now)));
    this.#planAlarm();
  }

  /** Sets the wall clock, as a person or a time service would. */
  jump(byMs: number): void {
    this.#wallOffset += byMs;
    this.#world.tally.jumps++;
    this.#world.trace.note(this.#world.queue.now, "the clock jumps by", byMs);
    this.#planAlarm();
  }

  // Time

  #planAlarm(): void {
    const ticket = ++this.#alarmTicket;
    if (this.#alarmAt === null) return;
    const { queue, chance, rates } = this.#world;
    const lateMs = chance.between(0, rates.alarmLateMs);
    queue.after(Math.max(0, this.#alarmAt - this.wallNow) + lateMs, () => {
      if (ticket !== this.#alarmTicket || this.#scheduler === null || this.collector.isAtWork) return;
      this.#alarmAt = null;
      this.#serve(() => {
        this.#tick();
        this.#collectArtefacts();
      });
    });
  }

  #collectArtefacts(): void {
    this.collector.run(() => {
      this.setAlarm();
      this.#planAlarm();
    });
  }

  #tick(): void {
    const scheduler = this.#scheduler as Scheduler;
    this.#checkedAt = this.wallNow;
    const heartbeats = (workerId: string): number | null => {
      const heartbeatAt = this.heartbeatAt(workerId);
      return heartbeatAt !== null && heartbeatAt < this.#heartbeatsKnownFrom ? null : heartbeatAt;
    };
    this.#commit("tick", "", (now) => scheduler.tick(heartbeats, now));
  }

  /** Returns the moment of the last heartbeat that the runtime answered on the worker's present connection. */
  heartbeatAt(workerId: string): number | null {
    return this.#byWorker.get(workerId)?.heartbeatAt ?? null;
  }

  #lookAtHeartbeats(): void {
    if (this.wallNow - this.#checkedAt >= 1000) this.#tick();
  }

  /** The scheduler of a registry that is up. */
  setAlarm(): void {
    const dueAt = this.#scheduler?.nextDueAt(this.wallNow) ?? null;
    if (dueAt === null || (this.#alarmAt !== null && this.#alarmAt <= dueAt)) return;
    this.#alarmAt = dueAt;
    this.#planAlarm();
  }

  // Within

  /** Runs something at the registry; undefined when it is down, or dies on the way. */
  #serve<T>(work: (scheduler: Scheduler) => T): T | undefined {
    if (this.#scheduler === null) return undefined;
    try {
      return work(this.#scheduler);
    } catch (error) {
      if (error instanceof RegistryIsDown || error instanceof Problem) return undefined;
      throw error;
    }
  }

  #commit<T>(step: string, subject: string, run: (now: number) => Outcome<T>): T {
    const { judge, tally, chance } = this.#world;
    const now = this.wallNow;
    tally.steps++;
    judge.beforeStep(step, subject);
    const losesWrites = this.#canary === "send-before-write" && chance.perMille(5);
    if (losesWrites) this.sql.run("BEGIN");
    let outcome: Outcome<T>;
    try {
      outcome = run(now);
    } finally {
      if (losesWrites) this.sql.run("ROLLBACK");
    }
    judge.decided(outcome.effects, now);
    if (this.#canary === "unreferenced-datasets" && step === "publish") {
      this.sql.run("UPDATE artefacts SET referenced = 0 WHERE sha256 = ?", subject);
    }
    const dies = this.#diesAtNextCommit && outcome.effects.length > 0;
    if (dies) this.restart();
    else this.#carryOut(outcome.effects);
    this.setAlarm();
    judge.afterStep(this.#scheduler, now);
    if (losesWrites) this.restart();
    if (dies) throw new RegistryIsDown();
    return outcome.value;
  }

  #carryOut(effects: readonly Effect[]): void {
    const outgoing = new Map<Line, RegistryMessage[]>();
    const send = (line: Line, message: RegistryMessage): void => {
      const messages = outgoing.get(line);
      if (messages === undefined) outgoing.set(line, [message]);
      else messages.push(message);
    };
    for (const effect of effects) {
      if (effect.type !== "send" && effect.type !== "close") continue;
      const line = this.#lineOf(effect.workerId, effect.epoch);
      if (effect.type === "close") {
        if (line !== undefined) this.#world.network.closeFromRegistry(line, effect.code, effect.reason);
        continue;
      }
      this.#world.judge.sending(effect.workerId, effect.message);
      if (line !== undefined) send(line, effect.message);
      if (this.#canary === "double-assign" && effect.message.type === "assign") this.#alsoToAnother(line, effect, send);
    }
    for (const [line, messages] of outgoing) this.#send(line, messages);
  }

  #alsoToAnother(
    first: Line | undefined,
    { message }: Extract<Effect, { type: "send" }>,
    send: (line: Line, message: RegistryMessage) => void,
  ): void {
    const other = [...this.#byWorker.values()].find((line) => line !== first);
    if (other === undefined || !this.#world.chance.perMille(20)) return;
    send(other, message);
  }

  #lineOf(workerId: string, epoch: number): Line | undefined {
    const present = this.#byWorker.get(workerId);
    if (present?.identifiedEpoch === epoch) return present;
    for (const line of this.lines) if (line.workerId === workerId && line.identifiedEpoch === epoch) return line;
    return undefined;
  }

  #send(line: Line, messages: readonly RegistryMessage[]): void {
    if (line.registryEnd !== "open") return;
    const frame = this.#frames.fromRegistry(messages);
    const label = messages.map(describeMessage).join(", ");
    this.#world.network.carry(line, label, () => {
      const { trace, queue, judge } = this.#world;
      trace.note(queue.now, line.workerId, line.id, "←", label);
      for (const message of messages) judge.assigned(line.workerId, message);
      line.process.receive(line, frame);
    });
  }
}
