import fc from "fast-check";
import { expect, it } from "vitest";
import { nodeSql } from "../../test/support/node-sql.ts";
import {
  abandonUpload,
  forgetArtefacts,
  hasArtefact,
  isCollectable,
  keepArtefact,
  nextCollectionAt,
  openUpload,
  recordArtefact,
  recordPart,
  releaseArtefact,
  touchArtefact,
} from "./artefact-index.ts";
import { migrate } from "./schema.ts";
import type { Sql } from "./sql.ts";

const T0 = Date.parse("2026-01-05T00:00:00Z");
const HOUR = 3_600_000;
const sha256 = "ab".repeat(32);

function storeWithOne() {
  const sql = nodeSql();
  migrate(sql);
  recordArtefact(sql, { sha256, bytes: 96, mediaType: "text/plain" }, T0);
  return sql;
}

it("bytes that nothing refers to count as gone from the moment at which they may be collected", () => {
  const sql = storeWithOne();
  expect(hasArtefact(sql, sha256, T0 + HOUR - 1)).toBe(true);
  expect(isCollectable(sql, sha256, T0 + HOUR - 1)).toBe(false);
  // A registry may have died after the deletion, before it noted it.
  expect(hasArtefact(sql, sha256, T0 + HOUR)).toBe(false);
  expect(touchArtefact(sql, sha256, T0 + HOUR)).toBe(false);
  expect(isCollectable(sql, sha256, T0 + HOUR)).toBe(true);
  sql.close();
});

it("bytes that something refers to, or that were asked for in time, stay", () => {
  const kept = storeWithOne();
  keepArtefact(kept, sha256);
  expect([hasArtefact(kept, sha256, T0 + 9 * HOUR), isCollectable(kept, sha256, T0 + 9 * HOUR)]).toEqual([true, false]);
  kept.close();
  const touched = storeWithOne();
  expect(touchArtefact(touched, sha256, T0 + HOUR - 1)).toBe(true);
  expect(hasArtefact(touched, sha256, T0 + HOUR)).toBe(true);
  touched.close();
});

it("the next collection is due when storage says so, whatever was written since the last question", () => {
  const part = { partNumber: 1, etag: "e" };
  const writes = {
    record: (sql, name, now) => recordArtefact(sql, { sha256: name, bytes: 96, mediaType: "text/plain" }, now),
    touch: (sql, name, now) => void touchArtefact(sql, name, now),
    keep: (sql, name) => keepArtefact(sql, name),
    release: (sql, name, now) => releaseArtefact(sql, name, now),
    forget: (sql, name) => forgetArtefacts(sql, [name]),
    open: (sql, name, now) => {
      openUpload(sql, { sha256: name, uploadId: "u", bytes: 96, mediaType: "text/plain" }, `of ${name}`, now);
      recordPart(sql, name, part, now + 1);
    },
    abandon: (sql, name) => abandonUpload(sql, name),
  } satisfies Record<string, (sql: Sql, name: string, now: number) => void>;
  const kinds = Object.keys(writes) as (keyof typeof writes)[];
  const step = fc.record({ kind: fc.constantFrom(...kinds), name: fc.constantFrom("a", "b", "c") });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const sql = nodeSql();
      migrate(sql);
      for (const [index, { kind, name }] of steps.entries()) {
        writes[kind](sql, name, T0 + index * 1000);
        const asAnother: Sql = { ...sql };
        expect(nextCollectionAt(sql)).toBe(nextCollectionAt(asAnother));
      }
      sql.close();
    }),
    { numRuns: 60 },
  );
});
