/**
 * The registry's tables, as a list of migrations. A released migration is never edited; a change is a new entry.
 */
import { first, type Sql } from "./sql.ts";

const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE workers (
    worker_id TEXT PRIMARY KEY,
    worker_type TEXT NOT NULL,
    endpoint_url TEXT NOT NULL,
    software_version TEXT NOT NULL,
    capabilities TEXT NOT NULL,
    metadata TEXT NOT NULL,
    credential_hash TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    connected INTEGER NOT NULL,
    draining INTEGER NOT NULL,
    registered_at INTEGER NOT NULL,
    last_seen_at INTEGER,
    last_health_check_at INTEGER,
    health_failures INTEGER NOT NULL,
    disconnected_at INTEGER
  ) WITHOUT ROWID;
  -- Apart from workers, so that a hand-out rewrites a short row and not the list of datasets.
  CREATE TABLE selections (worker_id TEXT PRIMARY KEY, last_selected_at INTEGER NOT NULL) WITHOUT ROWID;
  -- Operations that ask the same of a worker share a class, so that choosing looks at classes and not at operations.
  CREATE TABLE classes (class_id INTEGER PRIMARY KEY, requirement TEXT NOT NULL UNIQUE);
  CREATE TABLE operations (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    operation_id TEXT NOT NULL UNIQUE,
    class_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    name TEXT,
    spec TEXT NOT NULL,
    requirements TEXT NOT NULL,
    status TEXT NOT NULL,
    priority INTEGER NOT NULL,
    rank INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    max_attempts INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    fallback_at INTEGER NOT NULL,
    deadline_at INTEGER,
    worker_id TEXT,
    accepted INTEGER NOT NULL,
    assigned_at INTEGER,
    stop_reason TEXT,
    rejected_by TEXT NOT NULL,
    evidence TEXT NOT NULL,
    checkpoint TEXT,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER,
    progress TEXT,
    result TEXT,
    error TEXT,
    idempotency_key TEXT,
    idempotency_hash TEXT
  );
  CREATE INDEX operations_queue ON operations (class_id, rank, sequence) WHERE status = 'queued';
  CREATE INDEX operations_running ON operations (worker_id) WHERE status = 'running';
  CREATE INDEX operations_delayed ON operations (not_before) WHERE status = 'queued' AND not_before > 0;
  CREATE INDEX operations_fallback ON operations (fallback_at) WHERE status = 'queued' AND fallback_at > 0;
  CREATE INDEX operations_deadline ON operations (deadline_at) WHERE deadline_at IS NOT NULL AND status IN ('queued', 'running');
  CREATE INDEX operations_finished ON operations (finished_at) WHERE finished_at IS NOT NULL;
  CREATE INDEX operations_status ON operations (status, sequence);
  CREATE UNIQUE INDEX operations_idempotency ON operations (idempotency_key) WHERE idempotency_key IS NOT NULL;
  CREATE TABLE artefacts (
    sha256 TEXT PRIMARY KEY,
    bytes INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    created_at INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE tokens (
    token_id TEXT PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    uses_left INTEGER
  ) WITHOUT ROWID;
  `,
  `
  CREATE TABLE events (
    event_id INTEGER PRIMARY KEY AUTOINCREMENT,
    operation_id TEXT NOT NULL,
    type TEXT NOT NULL,
    at INTEGER NOT NULL,
    data TEXT NOT NULL
  );
  CREATE INDEX events_operation ON events (operation_id, event_id);
  CREATE TABLE logs (
    line_id INTEGER PRIMARY KEY AUTOINCREMENT,
    operation_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    text TEXT NOT NULL
  );
  CREATE INDEX logs_operation ON logs (operation_id, line_id);
  CREATE TABLE log_counts (operation_id TEXT PRIMARY KEY, lines INTEGER NOT NULL, dropped INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE worker_history (
    entry_id INTEGER PRIMARY KEY AUTOINCREMENT,
    worker_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    type TEXT NOT NULL,
    detail TEXT NOT NULL
  );
  CREATE INDEX worker_history_worker ON worker_history (worker_id, entry_id);
  CREATE TABLE uploads (
    sha256 TEXT PRIMARY KEY,
    upload_id TEXT NOT NULL,
    worker_id TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    parts TEXT NOT NULL,
    touched_at INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE workspaces (name TEXT PRIMARY KEY, created_at INTEGER NOT NULL) WITHOUT ROWID;
  -- An artefact that nothing refers to is collected an hour after it was last touched.
  ALTER TABLE artefacts ADD COLUMN touched_at INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE artefacts ADD COLUMN referenced INTEGER NOT NULL DEFAULT 0;
  UPDATE artefacts SET referenced = 1;
  CREATE INDEX artefacts_collectable ON artefacts (touched_at) WHERE referenced = 0;
  ALTER TABLE operations ADD COLUMN artefact TEXT;
  UPDATE operations SET artefact = json_extract(result, '$.sha256') WHERE result IS NOT NULL;
  CREATE INDEX operations_artefact ON operations (artefact) WHERE artefact IS NOT NULL
  `,
  `
  CREATE TABLE datasets (
    version INTEGER PRIMARY KEY AUTOINCREMENT,
    symbol TEXT NOT NULL,
    timeframe TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    row_count INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    source TEXT NOT NULL,
    published_at INTEGER NOT NULL
  );
  CREATE UNIQUE INDEX datasets_version ON datasets (symbol, timeframe, sha256);
  CREATE INDEX datasets_artefact ON datasets (sha256)
  `,
  `
  ALTER TABLE workers ADD COLUMN lost_by_outage INTEGER NOT NULL DEFAULT 0
  `,
  `
  CREATE TABLE models (
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    operation_id TEXT,
    created_at INTEGER NOT NULL,
    summary TEXT NOT NULL,
    PRIMARY KEY (name, version)
  ) WITHOUT ROWID;
  CREATE INDEX models_artefact ON models (sha256);
  -- How many versions a name ever had, so that none is used twice.
  CREATE TABLE model_names (name TEXT PRIMARY KEY, versions INTEGER NOT NULL) WITHOUT ROWID
  `,
  `
  ALTER TABLE workers ADD COLUMN protocol_version INTEGER;
  ALTER TABLE workers ADD COLUMN refusal TEXT;
  ALTER TABLE operations ADD COLUMN traceparent TEXT
  `,
];

/** The version that `migrate` brings storage to. */
export const SCHEMA_VERSION = MIGRATIONS.length;

/**
 * Brings storage to the newest schema, one transaction a migration. Throws, before anything is written, when a newer version
 * of ktrdr wrote the storage: its columns are unknown here, and rows written without them would be wrong for it.
 */
export function migrate(sql: Sql): void {
  sql.run("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)");
  const present = first<{ version: number }>(sql, "SELECT version FROM schema_version")?.version ?? 0;
  if (present > SCHEMA_VERSION) {
    // The cure is in the message: nothing else of an error leaves the Durable Object.
    throw new Error(
      `The stored state has schema ${present}, and this version of ktrdr knows schemas up to ${SCHEMA_VERSION}; nothing was changed. Deploy the newer version again, or restore a backup that is older than it.`,
    );
  }
  for (let version = present; version < MIGRATIONS.length; version++) {
    sql.transaction(() => {
      for (const statement of statementsOf(MIGRATIONS[version]!)) sql.run(statement);
      sql.run("DELETE FROM schema_version");
      sql.run("INSERT INTO schema_version (version) VALUES (?)", version + 1);
    });
  }
}

/** `node:sqlite` prepares one statement at a time; no migration has a semicolon within a statement. */
function statementsOf(script: string): string[] {
  return script
    .replace(/--.*$/gm, "")
    .split(";")
    .map((statement) => statement.trim())
    .filter((statement) => statement !== "");
}
