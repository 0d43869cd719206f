import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { expect, it } from "vitest";
import { submitRequest } from "../../protocol/index.ts";
import { nodeSql } from "../../test/support/node-sql.ts";
import { registryConfig } from "./config.ts";
import { parseRequirementKey } from "./requirement.ts";
import { Scheduler } from "./scheduler.ts";
import type { Sql } from "./sql.ts";

const KEPT = 3;
const config = registryConfig.parse({ classesKept: KEPT });
const T0 = Date.parse("2026-01-05T00:00:00Z");

const classesIn = (sql: Sql): number => sql.all<{ count: number }>("SELECT COUNT(*) AS count FROM classes")[0]!.count;

function queuedWithTheirClass(sql: Sql): number {
  const rows = sql.all<{ requirements: string; requirement: string }>(
    "SELECT requirements, requirement FROM operations JOIN classes USING (class_id) WHERE status = 'queued'",
  );
  const labels = (text: string): unknown => JSON.parse(text).labels;
  return rows.filter(({ requirements, requirement }) =>
    isDeepStrictEqual(labels(requirements), parseRequirementKey(requirement).labels),
  ).length;
}

/** Every zone is a class of its own. */
const inZone = (zone: number) =>
  submitRequest.parse({
    spec: { kind: "sleep", durationMs: 1 },
    requirements: { labels: { zone: String(zone) } },
  });

it("unused classes are forgotten, whatever is submitted, cancelled, retried or restarted in between", () => {
  const step = fc.record({ kind: fc.constantFrom("submit", "cancel", "retry", "tick", "restart"), zone: fc.nat(9) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const sql = nodeSql();
      let scheduler = new Scheduler(sql, config);
      let now = T0;
      const known = new Set<string>();
      const queued = new Set<string>();
      for (const { kind, zone } of [...steps, { kind: "tick", zone: 0 }]) {
        now += 1000;
        const operationId = `op_${zone}`;
        if (kind === "submit" && !known.has(operationId)) {
          scheduler.operations.submit([{ request: inZone(zone), operationId, idempotency: null }], now);
          known.add(operationId);
          queued.add(operationId);
        } else if (kind === "cancel" && queued.delete(operationId)) scheduler.operations.cancel(operationId, now);
        else if (kind === "retry" && known.has(operationId) && !queued.has(operationId)) {
          scheduler.operations.retry(operationId, now);
          queued.add(operationId);
        } else if (kind === "restart") scheduler = new Scheduler(sql, config);
        else if (kind === "tick") {
          const before = classesIn(sql);
          scheduler.tick(() => null, now);
          expect(classesIn(sql)).toBe(Math.min(before, queued.size + KEPT));
        }
        const depth = scheduler.metrics.queue(now).reduce((sum, group) => sum + group.depth, 0);
        expect(depth).toBe(queued.size);
        expect(queuedWithTheirClass(sql)).toBe(queued.size);
      }
      sql.close();
    }),
    { numRuns: 100 },
  );
});

it("a class stays for as long as a worker has an operation of it, and comes back with one that is retried", () => {
  const sql = nodeSql();
  const scheduler = new Scheduler(sql, config);
  const capabilities = { slots: 1, kinds: ["sleep"], labels: { zone: "0" }, datasets: [] };
  const about = { workerId: "a", workerType: "backtesting", softwareVersion: "1", capabilities, metadata: {} } as const;
  const { epoch } = scheduler.workers.register({ ...about, endpointUrl: "" }, "hash", T0).value;
  const hello = { type: "hello" as const, epoch: epoch + 1, softwareVersion: "1", capabilities, leases: [] };
  scheduler.sessions.hello("a", { ...hello, protocolVersion: 1, draining: false }, T0);
  const submit = (operationId: string, zone: number): void =>
    void scheduler.operations.submit([{ request: inZone(zone), operationId, idempotency: null }], T0);
  submit("op_running", 0);
  for (let zone = 1; zone <= 9; zone++) submit(`op_${zone}`, zone);
  for (let zone = 1; zone <= 9; zone++) scheduler.operations.cancel(`op_${zone}`, T0);
  const afterLooking = scheduler.tick(() => T0, T0 + config.acceptTimeoutMs);
  expect(classesIn(sql)).toBe(1 + KEPT);
  const sentAgain = afterLooking.effects.filter((effect) => effect.type === "send").map(({ message }) => message);
  expect(sentAgain).toMatchObject([{ type: "assign", operationId: "op_running", attempt: 1 }]);
  expect(scheduler.operations.retry("op_1", T0).value.waitingReason).toMatch(/labels/);
  sql.close();
});
