import fc from "fast-check";
import { expect, it } from "vitest";
import { submitRequest } from "../../protocol/index.ts";
import { nodeSql } from "../../test/support/node-sql.ts";
import { registryConfig } from "./config.ts";
import { Scheduler } from "./scheduler.ts";
import type { Sql } from "./sql.ts";

const KEPT = 3;
const config = registryConfig.parse({ retentionCount: KEPT });
const T0 = Date.parse("2026-01-05T00:00:00Z");
const request = submitRequest.parse({ spec: { kind: "sleep", durationMs: 1 } });

/** Passes everything on, and notes the queries. */
function noting(sql: Sql): { sql: Sql; queries: string[] } {
  const queries: string[] = [];
  const all: Sql["all"] = (query, ...values) => {
    queries.push(query);
    return sql.all(query, ...values);
  };
  return { sql: { ...sql, all }, queries };
}

function finishedIn(sql: Sql): number {
  const rows = sql.all<{ count: number }>("SELECT COUNT(*) AS count FROM operations WHERE finished_at IS NOT NULL");
  return rows[0]?.count ?? 0;
}

it("retention keeps exactly as many finished operations as it should, whatever ends, is retried or is refused in between", () => {
  const step = fc.constantFrom("end", "retry", "refused", "tick");
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const sql = nodeSql();
      const scheduler = new Scheduler(sql, config);
      let now = T0;
      let sequence = 0;
      for (const kind of [...steps, "tick"]) {
        now += 1000;
        const operationId = `op_${sequence}`;
        if (kind === "end") {
          sequence += 1;
          scheduler.operations.submit([{ request, operationId: `op_${sequence}`, idempotency: null }], now);
          scheduler.operations.cancel(`op_${sequence}`, now);
        } else if (kind === "refused" && sequence > 0) {
          expect(() => scheduler.operations.submit([{ request, operationId, idempotency: null }], now)).toThrow();
        } else if (kind === "retry" && sequence > 0 && scheduler.operations.get(operationId).status === "cancelled") {
          scheduler.operations.retry(operationId, now);
        } else if (kind === "tick") {
          const before = finishedIn(sql);
          scheduler.tick(() => null, now);
          expect(finishedIn(sql)).toBe(Math.min(before, KEPT));
        }
      }
      sql.close();
    }),
    { numRuns: 60 },
  );
});

it("a tick does not read every finished operation", () => {
  const { sql, queries } = noting(nodeSql());
  const scheduler = new Scheduler(sql, config);
  scheduler.tick(() => null, T0);
  queries.length = 0;
  scheduler.tick(() => null, T0 + 10_000);
  expect(queries.filter((query) => query.includes("COUNT("))).toEqual([]);
});
