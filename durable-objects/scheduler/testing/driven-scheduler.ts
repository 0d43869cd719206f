import type { NodeMessage, RegistryMessage, SubmitRequest, WorkerType } from "../../../protocol/index.ts";
import { submitRequest } from "../../../protocol/index.ts";
import { nodeSql } from "../../../test/support/node-sql.ts";
import { registryConfig } from "../config.ts";
import { Scheduler } from "../scheduler.ts";
import type { Sql } from "../sql.ts";
import type { Outcome } from "../steps.ts";

const config = registryConfig.parse({});

/** Drives a scheduler as its shell would, with a clock that the story moves by hand. */
export class DrivenScheduler {
  readonly sql: Sql = nodeSql();
  scheduler = new Scheduler(this.sql, config);
  now = Date.parse("2026-01-05T00:00:00Z");
  /** Messages that each worker was sent and has not read yet. */
  readonly inbox = new Map<string, RegistryMessage[]>();
  readonly closed: string[] = [];
  readonly heartbeats = new Map<string, number>();
  #counter = 0;

  #commit<T>(outcome: Outcome<T>): T {
    for (const effect of outcome.effects) {
      if (effect.type === "send")
        this.inbox.set(effect.workerId, [...(this.inbox.get(effect.workerId) ?? []), effect.message]);
      if (effect.type === "close") this.closed.push(`${effect.workerId}: ${effect.reason}`);
    }
    return outcome.value;
  }

  submit(request: Partial<SubmitRequest> & { spec?: SubmitRequest["spec"] } = {}, key?: string): string {
    const complete = submitRequest.parse({ spec: { kind: "sleep", durationMs: 1 }, ...request });
    const operationId = `op_${String(++this.#counter).padStart(20, "0")}`;
    const idempotency = key === undefined ? null : { key, hash: JSON.stringify(complete) };
    const [operation] = this.#commit(
      this.scheduler.operations.submit([{ request: complete, operationId, idempotency }], this.now),
    );
    return operation!.operationId;
  }

  connect(
    workerId: string,
    options: {
      type?: WorkerType;
      slots?: number;
      datasets?: string[];
      leases?: { operationId: string; attempt: number }[];
      register?: boolean;
    } = {},
  ): boolean {
    const capabilities = {
      slots: options.slots ?? 1,
      kinds: ["sleep", "backtest"],
      labels: {},
      datasets: (options.datasets ?? []).map((symbol) => ({ symbol, timeframe: "1d", sha256: "0".repeat(64) })),
    };
    const known = this.scheduler.workers.list().find((worker) => worker.workerId === workerId);
    if (known === undefined || options.register) {
      const request = {
        workerId,
        workerType: options.type ?? "backtesting",
        endpointUrl: "",
        softwareVersion: "1",
        capabilities,
        metadata: {},
      } as const;
      this.#commit(this.scheduler.workers.register(request, `hash of ${workerId}`, this.now));
    }
    const epoch = this.scheduler.workers.get(workerId).epoch + 1;
    this.heartbeats.set(workerId, this.now);
    const refusal = this.#commit(
      this.scheduler.sessions.hello(
        workerId,
        {
          type: "hello",
          protocolVersion: 1,
          epoch,
          softwareVersion: "1",
          capabilities,
          leases: options.leases ?? [],
          draining: false,
        },
        this.now,
      ),
    );
    return refusal === null;
  }

  say(
    workerId: string,
    message: Exclude<NodeMessage, { type: "hello" }>,
    epoch = this.scheduler.workers.get(workerId).epoch,
  ): void {
    this.#commit(this.scheduler.sessions.receive(workerId, epoch, message, this.now));
  }

  disconnect(workerId: string): void {
    this.#commit(this.scheduler.sessions.disconnect(workerId, this.scheduler.workers.get(workerId).epoch, this.now));
  }

  cancel(operationId: string): void {
    this.#commit(this.scheduler.operations.cancel(operationId, this.now));
  }

  /** Lets time pass; workers in `alive` keep sending heartbeats. */
  pass(ms: number, alive: string[] = []): void {
    const end = this.now + ms;
    for (;;) {
      const dueAt = this.scheduler.nextDueAt(this.now);
      this.now = dueAt === null ? end : Math.min(end, dueAt);
      for (const workerId of alive) this.heartbeats.set(workerId, this.now);
      if (dueAt === null || dueAt > end) return;
      this.#commit(this.scheduler.tick((workerId) => this.heartbeats.get(workerId) ?? null, this.now));
    }
  }

  restart(): void {
    this.scheduler = new Scheduler(this.sql, config);
    this.#commit(this.scheduler.sessions.wake(new Map(), this.now));
  }

  take(workerId: string): RegistryMessage[] {
    const messages = this.inbox.get(workerId) ?? [];
    this.inbox.delete(workerId);
    return messages;
  }

  /** The assignments among what the worker was sent. */
  assigned(workerId: string): string[] {
    return this.take(workerId).flatMap((message) => (message.type === "assign" ? [message.operationId] : []));
  }

  status(operationId: string): string {
    return this.scheduler.operations.get(operationId).status;
  }
}
