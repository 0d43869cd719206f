/** Counters for the metrics, which only rise. They survive restarts, as Prometheus expects. */
import { first, type Sql } from "./sql.ts";

export const COUNTERS = [
  "operations_submitted",
  "operations_completed",
  "operations_failed",
  "operations_cancelled",
  "operations_requeued",
  "operations_retried",
  "leases_lost",
  "leases_expired",
  "leases_rejected",
  "messages_refused",
  "messages_stale",
  "registrations",
  "reconnections",
  "operations_removed",
  "artefacts_removed",
  "spans_dropped",
] as const;
export type Counter = (typeof COUNTERS)[number];

/** Counts rare events; those of every operation go through the tally. */
export function count(sql: Sql, name: Counter, by = 1): void {
  sql.run(
    "INSERT INTO counters (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
    name,
    by,
  );
}

/** `WHERE true`: without it SQLite takes the `ON` for that of a join. */
export function addToCounters(sql: Sql, values: ReadonlyMap<string, number>): void {
  sql.run(
    `INSERT INTO counters (name, value) SELECT value ->> 0, value ->> 1 FROM json_each(?) WHERE true
     ON CONFLICT (name) DO UPDATE SET value = value + excluded.value`,
    JSON.stringify([...values]),
  );
}

export function counterValue(sql: Sql, name: Counter): number {
  return first<{ value: number }>(sql, "SELECT value FROM counters WHERE name = ?", name)?.value ?? 0;
}

/** Reads all counters, also the buckets of the tally. */
export function readCounters(sql: Sql): Map<string, number> {
  const rows = sql.all<{ name: string; value: number }>("SELECT name, value FROM counters");
  return new Map(rows.map((row) => [row.name, row.value]));
}
