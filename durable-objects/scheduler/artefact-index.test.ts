import { expect, it } from "vitest";
import { nodeSql } from "../../test/support/node-sql.ts";
import { hasArtefact, isCollectable, keepArtefact, recordArtefact, touchArtefact } from "./artefact-index.ts";
import { migrate } from "./schema.ts";

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
