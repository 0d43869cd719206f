/**
 * The parts of one workspace's registry, and the path of every call: check the caller, run one step of the scheduler, carry out
 * its effects.
 */
import { DEFAULT_WORKSPACE, Problem, ROUTES, type Role, type SubmitRequest } from "../protocol/index.ts";
import type { Answer } from "./answer.ts";
import { ArtefactCollection } from "./artefact-collection.ts";
import { Authorization } from "./authorization.ts";
import type { Caller } from "./caller.ts";
import { Connections } from "./connections.ts";
import { durableSql } from "./durable-sql.ts";
import type { Environment } from "./environment.ts";
import { Followers } from "./followers.ts";
import { OperationIntake } from "./operation-intake.ts";
import { type RegistryTracer, registryTracer } from "./registry-tracer.ts";
import { type AcceptedOperation, type Outcome, parseRegistryConfig, Scheduler, type Sql } from "./scheduler/index.ts";
import { StoredBytes } from "./stored-bytes.ts";
import type { Idempotency } from "./submission-checks.ts";
import { TokenStore } from "./tokens.ts";

/** Statuses are at most this old when they are shown or used. */
const STATUS_VALID_MS = 1000;

export class Registry {
  readonly workspace: string;
  readonly sql: Sql;
  readonly scheduler: Scheduler;
  readonly tokens: TokenStore;
  readonly authorization: Authorization;
  readonly connections: Connections;
  readonly followers: Followers;
  readonly collection: ArtefactCollection;
  readonly storedBytes: StoredBytes;
  readonly tracer: RegistryTracer | null;
  readonly #storage: DurableObjectStorage;
  readonly #intake: OperationIntake;
  #alarmAt: number | null = null;
  #checkedAt = 0;

  constructor(context: DurableObjectState, environment: Environment) {
    this.workspace = context.id.name ?? DEFAULT_WORKSPACE;
    this.#storage = context.storage;
    const sql = durableSql(context.storage);
    this.sql = sql;
    this.followers = new Followers(context);
    this.collection = new ArtefactCollection(sql, environment.ARTEFACTS, this.workspace);
    this.scheduler = new Scheduler(sql, parseRegistryConfig(environment.REGISTRY_CONFIG));
    const onDropped = (count: number): void => this.scheduler.metrics.tally("spans_dropped", count);
    this.tracer = registryTracer(environment, sql, this.workspace, onDropped);
    this.tokens = new TokenStore(sql);
    const adminHash = this.workspace === DEFAULT_WORKSPACE ? environment.ADMIN_TOKEN_SHA256 : undefined;
    this.authorization = new Authorization(this.tokens, this.scheduler, adminHash);
    this.storedBytes = new StoredBytes(this.scheduler);
    this.connections = new Connections(context, this.scheduler.workers.epochs());
    this.#intake = new OperationIntake(this.scheduler, this.tracer, (outcome) => this.commit(outcome));
    this.commit(this.scheduler.sessions.wake(this.connections.epochs(), Date.now()));
  }

  /** Reads from storage when the alarm rings, and moves it where that is too late. */
  async loadAlarm(): Promise<void> {
    this.#alarmAt = await this.#storage.getAlarm();
    this.setAlarm();
  }

  submit(
    tokenHash: string,
    requests: readonly SubmitRequest[],
    idempotency: Idempotency | null,
    caller: Caller,
  ): AcceptedOperation[] {
    const now = Date.now();
    this.authorization.requireRole(tokenHash, ROUTES.submit.role, now);
    this.lookAtHeartbeats(now);
    return this.#intake.submit(requests, idempotency, caller, now);
  }

  /** Carries out a step's effects, and returns its value. */
  commit<T>(outcome: Outcome<T>): T {
    this.connections.carryOut(outcome.effects);
    this.followers.tell(outcome.effects);
    this.tracer?.tell(outcome.effects);
    this.setAlarm();
    return outcome.value;
  }

  /** Answers with `work`'s value if the token has the role. */
  async answer<T>(tokenHash: string, role: Role, work: (now: number) => T): Promise<Answer<T>> {
    return this.catching(async (now) => {
      this.authorization.requireRole(tokenHash, role, now);
      return work(now);
    });
  }

  /** Answers with `work`'s value, or with the problem that it throws. */
  async catching<T>(work: (now: number) => Promise<T>): Promise<Answer<T>> {
    try {
      return { ok: true, value: await work(Date.now()) };
    } catch (error) {
      const problem = Problem.from(error);
      if (problem.kind === "internal") console.error("registry call failed", error);
      return { ok: false, problem: problem.toDetails() };
    }
  }

  /** Runs when the alarm rings: time alone may have changed something. */
  async alarm(): Promise<void> {
    this.#alarmAt = null;
    const now = Date.now();
    this.#tick(now);
    await this.collection.run(now);
    this.setAlarm();
  }

  /** Refreshes the statuses for a reader or submitter, at most every second. Between alarms they may be old. */
  lookAtHeartbeats(now: number): void {
    if (now - this.#checkedAt >= STATUS_VALID_MS) this.#tick(now);
  }

  setAlarm(): void {
    const dueAt = this.scheduler.nextDueAt(Date.now());
    if (dueAt === null || (this.#alarmAt !== null && this.#alarmAt <= dueAt)) return;
    this.#alarmAt = dueAt;
    void this.#storage.setAlarm(dueAt);
  }

  #tick(now: number): void {
    this.#checkedAt = now;
    this.commit(this.scheduler.tick((workerId) => this.connections.lastHeartbeatAt(workerId), now));
  }
}
