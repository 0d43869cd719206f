import { describe, expect, it } from "vitest";
import { submitRequest } from "../../protocol/index.ts";
import { nodeSql } from "../../test/support/node-sql.ts";
import { registryConfig } from "./config.ts";
import { Scheduler } from "./scheduler.ts";
import type { Sql } from "./sql.ts";
import { LATENCY_BOUNDS_MS } from "./tally.ts";

const config = registryConfig.parse({});
const capabilities = { slots: 1, kinds: ["sleep"], labels: {}, datasets: [] };
const T0 = Date.parse("2026-01-05T00:00:00Z");

function submitAt(scheduler: Scheduler, operationId: string, now: number, workerType?: "gpu_host"): void {
  const request = submitRequest.parse({
    spec: { kind: "sleep", durationMs: 1 },
    ...(workerType === undefined ? {} : { requirements: { workerTypes: [workerType] } }),
  });
  scheduler.operations.submit([{ request, operationId, idempotency: null }], now);
}

function connectAt(scheduler: Scheduler, now: number): number {
  const request = {
    ...{ workerId: "desk", workerType: "backtesting" as const, endpointUrl: "", softwareVersion: "1.0.0" },
    ...{ capabilities, metadata: {} },
  };
  const epoch = scheduler.workers.register(request, "hash", now).value.epoch + 1;
  scheduler.sessions.hello(
    "desk",
    { type: "hello", protocolVersion: 1, epoch, softwareVersion: "1.0.0", capabilities, leases: [], draining: false },
    now,
  );
  return epoch;
}

/** Passes everything on, and notes the statements. */
function counting(sql: Sql): { sql: Sql; statements: string[] } {
  const statements: string[] = [];
  return {
    statements,
    sql: {
      ...sql,
      run(query, ...values) {
        statements.push(query);
        sql.run(query, ...values);
      },
    },
  };
}

describe("dispatch latency", () => {
  it("is the time from submission to the first hand-out, in the bucket that holds it", () => {
    const scheduler = new Scheduler(nodeSql(), config);
    submitAt(scheduler, "op_1", T0);
    connectAt(scheduler, T0 + 40);
    const { counts, sumMs } = scheduler.metrics.counters().dispatchLatency;
    expect(sumMs).toBe(40);
    expect(counts[LATENCY_BOUNDS_MS.indexOf(50)]).toBe(1);
    expect(counts.reduce((sum, count) => sum + count)).toBe(1);
  });

  it("goes above every bound after hours", () => {
    const scheduler = new Scheduler(nodeSql(), config);
    submitAt(scheduler, "op_1", T0);
    connectAt(scheduler, T0 + 7 * 3_600_000);
    expect(scheduler.metrics.counters().dispatchLatency.counts.at(-1)).toBe(1);
  });

  it("survives a restart once the tick has written it, and is counted once", () => {
    const sql = nodeSql();
    const scheduler = new Scheduler(sql, config);
    submitAt(scheduler, "op_1", T0);
    connectAt(scheduler, T0 + 40);
    scheduler.tick(() => T0 + 50, T0 + 50);
    scheduler.tick(() => T0 + 60, T0 + 60);
    expect(scheduler.metrics.counters().dispatchLatency.sumMs).toBe(40);
    expect(new Scheduler(sql, config).metrics.counters().dispatchLatency.sumMs).toBe(40);
  });

  it("costs no statement when an operation is submitted, handed out or ends, and one at the tick", () => {
    const { sql, statements } = counting(nodeSql());
    const scheduler = new Scheduler(sql, config);
    const epoch = connectAt(scheduler, T0);
    statements.length = 0;
    submitAt(scheduler, "op_1", T0 + 1);
    scheduler.sessions.receive("desk", epoch, { type: "accept", operationId: "op_1", attempt: 1 }, T0 + 2);
    const result = { sha256: null, bytes: 0, mediaType: "application/json", summary: {} };
    scheduler.sessions.receive("desk", epoch, { type: "complete", operationId: "op_1", attempt: 1, result }, T0 + 3);
    const onCounters = (): string[] => statements.filter((query) => query.includes("INTO counters"));
    expect(onCounters()).toHaveLength(0);
    expect(scheduler.metrics.counters().counters).toMatchObject({ operations_submitted: 1, operations_completed: 1 });
    scheduler.tick(() => T0 + 4, T0 + 4);
    expect(onCounters()).toHaveLength(1);
  });

  it("forgets the counts of a step that throws", () => {
    const scheduler = new Scheduler(nodeSql(), config);
    connectAt(scheduler, T0);
    submitAt(scheduler, "op_1", T0 + 1);
    expect(() => submitAt(scheduler, "op_1", T0 + 2)).toThrow(/UNIQUE/);
    expect(scheduler.metrics.counters().dispatchLatency.counts.reduce((sum, count) => sum + count)).toBe(1);
    expect(scheduler.metrics.counters().counters.operations_submitted).toBe(1);
  });
});

describe("the queue in numbers", () => {
  it("has depth, oldest wait and operations that no worker could take, by type and kind", () => {
    const scheduler = new Scheduler(nodeSql(), config);
    connectAt(scheduler, T0);
    submitAt(scheduler, "op_1", T0);
    submitAt(scheduler, "op_2", T0 + 1000);
    submitAt(scheduler, "op_3", T0 + 2000);
    submitAt(scheduler, "op_4", T0 + 3000, "gpu_host");
    expect(scheduler.metrics.queue(T0 + 5000)).toEqual([
      { workerType: "backtesting", kind: "sleep", depth: 2, unplaceable: 0, oldestWaitMs: 4000 },
      { workerType: "gpu_host", kind: "sleep", depth: 1, unplaceable: 1, oldestWaitMs: 2000 },
    ]);
  });

  it("knows the oldest also behind a thousand others", () => {
    const scheduler = new Scheduler(nodeSql(), config);
    for (let i = 0; i < 1001; i++) submitAt(scheduler, `op_${i}`, T0);
    submitAt(scheduler, "op_gpu", T0 + 100, "gpu_host");
    expect(scheduler.metrics.queue(T0 + 1100)).toMatchObject([
      { depth: 1001, oldestWaitMs: 1100 },
      { depth: 1, oldestWaitMs: 1000 },
    ]);
  });

  it("is empty when nothing waits", () => {
    expect(new Scheduler(nodeSql(), config).metrics.queue(T0)).toEqual([]);
  });
});

describe("counts of faults", () => {
  it("have an expired lease, its retry, and a worker that came back", () => {
    const scheduler = new Scheduler(nodeSql(), config);
    const epoch = connectAt(scheduler, T0);
    submitAt(scheduler, "op_1", T0);
    scheduler.sessions.disconnect("desk", epoch, T0 + 10);
    const later = T0 + 10 + config.graceMs + 1;
    scheduler.tick(() => null, later);
    connectAt(scheduler, later + 1);
    expect(scheduler.metrics.counters().counters).toMatchObject({
      leases_lost: 1,
      leases_expired: 1,
      operations_retried: 1,
      operations_requeued: 1,
      reconnections: 1,
    });
  });
});
