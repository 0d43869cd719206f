/** Counts that only rise, for the metrics: they survive restarts, as Prometheus expects of a counter. */
import type { Sql } from "./sql.ts";

export const COUNTERS = [
  "operations_submitted",
  "operations_requeued",
  "leases_lost",
  "leases_rejected",
  "messages_refused",
  "messages_stale",
  "registrations",
  "reconnections",
  "operations_removed",
  "artefacts_removed",
] as const;
export type Counter = (typeof COUNTERS)[number];

export function count(sql: Sql, name: Counter, by = 1): void {
  sql.run(
    "INSERT INTO counters (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
    name,
    by,
  );
}

export function counterValues(sql: Sql): Record<Counter, number> {
  const rows = sql.all<{ name: Counter; value: number }>("SELECT name, value FROM counters");
  const values = Object.fromEntries(COUNTERS.map((name) => [name, 0])) as Record<Counter, number>;
  for (const row of rows) values[row.name] = row.value;
  return values;
}
