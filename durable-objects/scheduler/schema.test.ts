import { expect, it } from "vitest";
import { nodeSql } from "../../test/support/node-sql.ts";
import { registryConfig } from "./config.ts";
import { Scheduler } from "./scheduler.ts";
import { SCHEMA_VERSION } from "./schema.ts";

/** Everything that is stored, as text: definitions and rows. */
function contents(sql: ReturnType<typeof nodeSql>): string {
  const tables = sql.all<{ name: string; sql: string }>("SELECT name, sql FROM sqlite_master ORDER BY name");
  const rows = tables
    .filter((entry) => entry.sql?.startsWith("CREATE TABLE"))
    .map((entry) => [entry.name, sql.all(`SELECT * FROM ${entry.name}`)]);
  return JSON.stringify([tables, rows]);
}

it("brings empty storage to the newest schema, and leaves that as it is the next time", () => {
  const sql = nodeSql();
  new Scheduler(sql, registryConfig.parse({}));
  expect(sql.all("SELECT version FROM schema_version")).toEqual([{ version: SCHEMA_VERSION }]);
  const before = contents(sql);
  new Scheduler(sql, registryConfig.parse({}));
  expect(contents(sql)).toBe(before);
  sql.close();
});

it("refuses storage that a newer version wrote, says what to do, and changes nothing", () => {
  const sql = nodeSql();
  new Scheduler(sql, registryConfig.parse({}));
  sql.run("ALTER TABLE operations ADD COLUMN of_the_future TEXT NOT NULL DEFAULT 'kept'");
  sql.run("UPDATE schema_version SET version = ?", SCHEMA_VERSION + 1);
  const before = contents(sql);
  expect(() => new Scheduler(sql, registryConfig.parse({}))).toThrow(
    `has schema ${SCHEMA_VERSION + 1}, and this version of ktrdr knows schemas up to ${SCHEMA_VERSION}; nothing was changed. Deploy the newer version again`,
  );
  expect(contents(sql)).toBe(before);
  sql.close();
});
