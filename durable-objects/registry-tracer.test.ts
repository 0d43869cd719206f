/** Tests the registry's spans for each course of an operation, with the real scheduler on SQLite and its effects. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { PROTOCOL_VERSION, submitRequest } from "../protocol/index.ts";
import { Collector, type ReceivedSpan } from "../test/support/collector.ts";
import { nodeSql } from "../test/support/node-sql.ts";
import { type RegistryTracer, registryTracer } from "./registry-tracer.ts";
import { type LaterMessage, type Outcome, registryConfig, Scheduler, type Sql } from "./scheduler/index.ts";

const ID = "op_00000000000000000001";
const CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const capabilities = { slots: 1, kinds: ["sleep"], labels: {}, datasets: [] };
const RESULT = { sha256: null, bytes: 0, mediaType: "application/json", summary: {} };

let collector: Collector;
let sql: Sql;
let scheduler: Scheduler;
let tracer: RegistryTracer;
let now: number;

beforeEach(async () => {
  collector = await Collector.start();
  sql = nodeSql();
  wake();
  now = Date.parse("2026-01-05T00:00:00Z");
});
afterEach(() => collector.stop());

/** Starts the registry's object on the present storage. */
function wake(): void {
  scheduler = new Scheduler(sql, registryConfig.parse({}));
  const made = registryTracer({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }, sql, "default", () => {});
  if (made === null) throw new Error("nothing would be traced");
  tracer = made;
}

/** Each step is a second after the one before. */
function commit<T>(outcome: Outcome<T>): T {
  tracer.tell(outcome.effects);
  now += 1000;
  return outcome.value;
}

function submit(caller: string | null = null): void {
  const trace = tracer.beginSubmit(caller);
  const request = submitRequest.parse({ spec: { kind: "sleep", durationMs: 1 } });
  const submission = { request, operationId: ID, idempotency: null, traceparent: trace.traceparent };
  const at = now;
  commit(scheduler.operations.submit([submission], now));
  tracer.endSubmit(trace, { traceparent: caller, receivedAt: at, over: "http" }, [ID]);
}

function connect(workerId: string): void {
  const identity = { workerId, workerType: "backtesting" as const, endpointUrl: "", softwareVersion: "1" };
  const { epoch } = commit(scheduler.workers.register({ ...identity, capabilities, metadata: {} }, workerId, now));
  const hello = { type: "hello" as const, protocolVersion: PROTOCOL_VERSION, epoch: epoch + 1, softwareVersion: "1" };
  commit(scheduler.sessions.hello(workerId, { ...hello, capabilities, leases: [], draining: false }, now));
}

function say(workerId: string, message: LaterMessage): void {
  commit(scheduler.sessions.receive(workerId, scheduler.workers.get(workerId).epoch, message, now));
}

const of = (attempt: number) => ({ operationId: ID, attempt });

async function story(): Promise<{ names: string[]; spans: ReceivedSpan[] }> {
  await tracer.close(1000);
  const spans = [...collector.spans].sort((a, b) => Number(a.startTimeUnixNano) - Number(b.startTimeUnixNano));
  const names = spans
    .filter(({ name }) => name !== "submit")
    .map(({ name, attributes }) => `${name} ${attributes["ktrdr.attempt"]} ${attributes["ktrdr.outcome"]}`);
  const submitId = spans.find(({ name }) => name === "submit")?.spanId;
  for (const span of spans) if (span.name !== "submit") expect(span.parentSpanId).toBe(submitId);
  expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(spans.length);
  return { names, spans };
}

describe("the registry's spans", () => {
  it("show the time in the queue, and the end of the attempt", async () => {
    connect("desk");
    submit();
    say("desk", { type: "accept", ...of(1) });
    say("desk", { type: "complete", ...of(1), result: RESULT });
    const { names, spans } = await story();
    expect(names).toEqual(["queued 1 assigned", "attempt 1 completed"]);
    const attempt = spans.find(({ name }) => name === "attempt");
    expect(Number(attempt?.endTimeUnixNano) - Number(attempt?.startTimeUnixNano)).toBe(2e9);
    expect(attempt?.attributes).toMatchObject({ "ktrdr.worker.id": "desk", "ktrdr.operation.id": ID });
    expect(attempt?.events.map(({ name }) => name)).toEqual(["accepted"]);
  });

  it("are the ones that the node knows, when the object was evicted in the middle of the attempt", async () => {
    connect("desk");
    submit();
    await tracer.close(1000);
    wake();
    const { epoch } = scheduler.workers.get("desk");
    commit(scheduler.sessions.wake(new Map([["desk", epoch]]), now));
    now += 60_000;
    const { effects } = scheduler.tick(() => now, now);
    const resent = effects.find((effect) => effect.type === "send" && effect.message.type === "assign");
    say("desk", { type: "complete", ...of(1), result: RESULT });
    const { spans } = await story();
    const attempt = spans.find(({ name }) => name === "attempt");
    expect(resent).toHaveProperty("message.traceparent", `00-${attempt?.traceId}-${attempt?.spanId}-01`);
  });

  it("go on with the same parent after each loss, with its reason", async () => {
    connect("desk");
    submit();
    commit(scheduler.workers.deregister("desk", now));
    connect("rack");
    say("rack", { type: "reject", ...of(2), reason: "the node drains" });
    now += 60_000;
    connect("late");
    say("late", { type: "stopped", ...of(3), reason: "shutdown" });
    commit(scheduler.operations.cancel(ID, now));
    const { names, spans } = await story();
    expect(names.slice(0, 6)).toEqual([
      ...["queued 1 assigned", "attempt 1 requeued", "queued 2 assigned"],
      ...["attempt 2 requeued", "queued 3 assigned", "attempt 3 requeued"],
    ]);
    const reasons = spans.filter(({ name }) => name === "attempt").map(({ status }) => status?.message);
    expect(reasons[0]).toContain("removed");
    expect(reasons[1]).toContain("the node drains");
    // A node that stops gives its work back: nothing went wrong.
    expect(reasons[2]).toBeUndefined();
  });

  it("show a cancellation in the queue, a failure, and a retry by hand", async () => {
    submit();
    commit(scheduler.operations.cancel(ID, now));
    commit(scheduler.operations.retry(ID, now));
    connect("desk");
    const error = { type: "about:blank", title: "No", status: 500, detail: "the strategy is wrong", retryable: false };
    say("desk", { type: "fail", ...of(1), error, retryable: false });
    const { names, spans } = await story();
    expect(names).toEqual(["queued 1 cancelled", "queued 1 assigned", "attempt 1 failed"]);
    expect(spans.at(-1)?.status).toMatchObject({ code: 2, message: expect.stringContaining("the strategy is wrong") });
    expect(spans.filter(({ status }) => status !== undefined)).toHaveLength(1);
  });

  it("continue the caller's trace, and are none where the caller decided so", async () => {
    submit(CALLER);
    const { spans } = await story();
    expect(spans[0]).toMatchObject({ traceId: CALLER.slice(3, 35), parentSpanId: CALLER.slice(36, 52) });
    collector.spans.length = 0;
    expect(tracer.beginSubmit(CALLER.replace(/01$/, "00")).traceparent).toMatch(/-00$/);
  });
});

describe("the registry", () => {
  it("serves without tracing where the settings are absent or cannot be used", () => {
    const made = (environment: Record<string, string>) => registryTracer(environment, nodeSql(), "default", () => {});
    expect(made({})).toBeNull();
    expect(made({ OTEL_EXPORTER_OTLP_ENDPOINT: "nonsense" })).toBeNull();
  });
});
