/** Keeps, numbers and reads the events and log lines of operations. */
import type { OperationEvent, OperationEventType, Progress } from "../../protocol/index.ts";
import { LIMITS, type LogLine } from "../../protocol/index.ts";
import type { Effect } from "./effect.ts";
import { first, type Sql } from "./sql.ts";

/** The part of a step's state that events are added to. */
interface EventSink {
  readonly effects: Effect[];
  nextEventId: number;
}

interface EventRow {
  event_id: number;
  operation_id: string;
  type: OperationEventType;
  at: number;
  data: string;
}

/** The number that the next event gets. Numbers are never used twice, also when the newest events are gone. */
export function nextEventId(sql: Sql): number {
  const row = first<{ newest: number }>(sql, "SELECT seq AS newest FROM sqlite_sequence WHERE name = 'events'");
  return (row?.newest ?? 0) + 1;
}

/** Numbers the event, and asks the shell to tell the operation's followers. `writeEvents` writes it before the step ends. */
export function recordEvent(
  state: EventSink,
  operationId: string,
  type: OperationEventType,
  now: number,
  data: Record<string, unknown> = {},
): void {
  const eventId = state.nextEventId++;
  state.effects.push({ type: "event", event: { eventId, operationId, type, atMs: now, data } });
}

/** Writes a step's events, in one statement however many they are. */
export function writeEvents(sql: Sql, effects: readonly Effect[]): void {
  const rows: (string | number | null)[][] = [];
  for (const effect of effects) {
    if (effect.type !== "event" || effect.event.eventId === null) continue;
    const { eventId, operationId, type, atMs, data } = effect.event;
    rows.push([eventId, operationId, type, atMs, JSON.stringify(data)]);
  }
  if (rows.length === 0) return;
  sql.run(
    `INSERT INTO events (event_id, operation_id, type, at, data)
     SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?)`,
    JSON.stringify(rows),
  );
}

/** Tells followers the progress, and does not keep it: the operation holds the newest. */
export function tellProgress(
  state: Pick<EventSink, "effects">,
  operationId: string,
  progress: Progress,
  now: number,
): void {
  const event: OperationEvent = { eventId: null, operationId, type: "progress", atMs: now, data: { ...progress } };
  state.effects.push({ type: "event", event });
}

/** Reads the events after `afterId`, oldest first, of one operation or of all. */
export function eventsAfter(sql: Sql, operationId: string | null, afterId: number, limit: number): OperationEvent[] {
  const rows =
    operationId === null
      ? sql.all<EventRow>("SELECT * FROM events WHERE event_id > ? ORDER BY event_id LIMIT ?", afterId, limit)
      : sql.all<EventRow>(
          "SELECT * FROM events WHERE operation_id = ? AND event_id > ? ORDER BY event_id LIMIT ?",
          operationId,
          afterId,
          limit,
        );
  return rows.map((row) => ({
    eventId: row.event_id,
    operationId: row.operation_id,
    type: row.type,
    atMs: row.at,
    data: JSON.parse(row.data),
  }));
}

/** Keeps the newest `LIMITS.logLines` lines of an operation, counts what it drops, and tells the followers. */
export function recordLogLines(
  state: Pick<EventSink, "effects"> & { readonly sql: Sql },
  operationId: string,
  attempt: number,
  lines: readonly string[],
  now: number,
): void {
  const { sql } = state;
  for (const text of lines) {
    sql.run("INSERT INTO logs (operation_id, at, attempt, text) VALUES (?, ?, ?, ?)", operationId, now, attempt, text);
    const lineId = first<{ id: number }>(sql, "SELECT last_insert_rowid() AS id")!.id;
    const data = { line_id: lineId, attempt, line: text };
    state.effects.push({ type: "event", event: { eventId: null, operationId, type: "log", atMs: now, data } });
  }
  sql.run(
    `INSERT INTO log_counts (operation_id, lines, dropped) VALUES (?, ?, 0)
     ON CONFLICT (operation_id) DO UPDATE SET lines = lines + excluded.lines`,
    operationId,
    lines.length,
  );
  const { lines: kept } = first<{ lines: number }>(
    sql,
    "SELECT lines FROM log_counts WHERE operation_id = ?",
    operationId,
  )!;
  const surplus = kept - LIMITS.logLines;
  if (surplus <= 0) return;
  sql.run(
    "DELETE FROM logs WHERE line_id IN (SELECT line_id FROM logs WHERE operation_id = ? ORDER BY line_id LIMIT ?)",
    operationId,
    surplus,
  );
  sql.run(
    "UPDATE log_counts SET lines = lines - ?, dropped = dropped + ? WHERE operation_id = ?",
    surplus,
    surplus,
    operationId,
  );
}

export function logLinesAfter(sql: Sql, operationId: string, afterId: number): { lines: LogLine[]; dropped: number } {
  const rows = sql.all<{ line_id: number; at: number; attempt: number; text: string }>(
    "SELECT line_id, at, attempt, text FROM logs WHERE operation_id = ? AND line_id > ? ORDER BY line_id",
    operationId,
    afterId,
  );
  const counts = first<{ dropped: number }>(sql, "SELECT dropped FROM log_counts WHERE operation_id = ?", operationId);
  return {
    lines: rows.map((row) => ({ lineId: row.line_id, atMs: row.at, attempt: row.attempt, text: row.text })),
    dropped: counts?.dropped ?? 0,
  };
}

/** Forgets everything about an operation that retention removes. */
export function forgetEvents(sql: Sql, operationId: string): void {
  sql.run("DELETE FROM events WHERE operation_id = ?", operationId);
  sql.run("DELETE FROM logs WHERE operation_id = ?", operationId);
  sql.run("DELETE FROM log_counts WHERE operation_id = ?", operationId);
}
