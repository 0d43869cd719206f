/**
 * Keeps the list of stored artefacts, of references to them, and of uploads in parts. The bytes never come here.
 *
 * The life of an artefact: absent → (uploading in parts) → stored, unreferenced → referenced by a finished operation or by
 * the checkpoint of a running one → unreferenced again when retention removes the last of them → collected, once nobody has
 * touched it for an hour. A request to upload stored bytes touches them, so a collection never overtakes an upload. Bytes that
 * are due for collection count as gone, and nobody stores them anew before they are.
 */
import { DAY_MS, HOUR_MS } from "../../protocol/durations.ts";
import { LIMITS, Problem } from "../../protocol/index.ts";
import { count } from "./counters.ts";
import { first, type Sql, type SqlValue } from "./sql.ts";

const COLLECT_AFTER_MS = HOUR_MS;
/** An upload in parts that nobody went on with for a day is given up. */
const ABANDON_AFTER_MS = DAY_MS;
/** An upload that nobody went on with for this long no longer counts as open: its sender has probably dropped it. */
const IDLE_AFTER_MS = 600_000;

export interface StoredPart {
  readonly partNumber: number;
  readonly etag: string;
}

export interface Upload {
  readonly sha256: string;
  /** The store's own name for it. */
  readonly uploadId: string;
  readonly bytes: number;
  readonly mediaType: string;
  readonly parts: readonly StoredPart[];
}

/** Tells whether it is stored, and stays so for now. */
export function hasArtefact(sql: Sql, sha256: string, now: number): boolean {
  return artefactBytes(sql, sha256, now) !== undefined;
}

/** Returns the size of a stored artefact; undefined for one that is not there, or that is due for collection. */
export function artefactBytes(sql: Sql, sha256: string, now: number): number | undefined {
  return first<{ bytes: number }>(
    sql,
    "SELECT bytes FROM artefacts WHERE sha256 = ? AND (referenced = 1 OR touched_at > ?)",
    sha256,
    now - COLLECT_AFTER_MS,
  )?.bytes;
}

/**
 * Tells whether it is due for collection. Its bytes may be gone already: a registry that died between the deletion and the
 * note of it leaves the row behind, and the store may still be at the deletion that it was asked for.
 */
export function isCollectable(sql: Sql, sha256: string, now: number): boolean {
  const row = first<{ touched_at: number }>(
    sql,
    "SELECT touched_at FROM artefacts WHERE sha256 = ? AND referenced = 0",
    sha256,
  );
  return row !== undefined && row.touched_at <= now - COLLECT_AFTER_MS;
}

export function storedBytes(sql: Sql): number {
  return first<{ bytes: number }>(sql, "SELECT COALESCE(SUM(bytes), 0) AS bytes FROM artefacts")!.bytes;
}

/** Tells whether it is stored; if so, it stays for at least the next hour. */
export function touchArtefact(sql: Sql, sha256: string, now: number): boolean {
  if (!hasArtefact(sql, sha256, now)) return false;
  write(sql, "UPDATE artefacts SET touched_at = ? WHERE sha256 = ?", now, sha256);
  return true;
}

/** Records that the bytes are in the store, and that their hash is their name. */
export function recordArtefact(
  sql: Sql,
  artefact: { sha256: string; bytes: number; mediaType: string },
  now: number,
): void {
  write(
    sql,
    `INSERT INTO artefacts (sha256, bytes, media_type, created_at, touched_at) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (sha256) DO UPDATE SET touched_at = excluded.touched_at`,
    artefact.sha256,
    artefact.bytes,
    artefact.mediaType,
    now,
    now,
  );
  write(sql, "DELETE FROM uploads WHERE sha256 = ?", artefact.sha256);
}

export function keepArtefact(sql: Sql, sha256: string): void {
  write(sql, "UPDATE artefacts SET referenced = 1 WHERE sha256 = ?", sha256);
}

/** Drops one reference; after the last one the artefact's hour begins. */
export function releaseArtefact(sql: Sql, sha256: string, now: number): void {
  write(
    sql,
    `UPDATE artefacts SET referenced = 0, touched_at = ? WHERE sha256 = ?
       AND NOT EXISTS (SELECT 1 FROM operations WHERE artefact = artefacts.sha256)
       AND NOT EXISTS (SELECT 1 FROM datasets WHERE datasets.sha256 = artefacts.sha256)
       AND NOT EXISTS (SELECT 1 FROM models WHERE models.sha256 = artefacts.sha256)`,
    now,
    sha256,
  );
}

/** Lists artefacts that may be removed from the store now. */
export function collectableArtefacts(sql: Sql, now: number, limit: number): string[] {
  return sql
    .all<{ sha256: string }>(
      "SELECT sha256 FROM artefacts WHERE referenced = 0 AND touched_at <= ? ORDER BY touched_at LIMIT ?",
      now - COLLECT_AFTER_MS,
      limit,
    )
    .map((row) => row.sha256);
}

export function forgetArtefacts(sql: Sql, names: readonly string[]): void {
  for (const sha256 of names) write(sql, "DELETE FROM artefacts WHERE sha256 = ?", sha256);
  if (names.length > 0) count(sql, "artefacts_removed", names.length);
}

/** Keeps the moment at which the next collection is due, for each storage, since every step asks for it. */
const nextCollections = new WeakMap<Sql, number | null>();

/** Follows every write to these tables: the next collection may be another one after it. */
function write(sql: Sql, query: string, ...values: SqlValue[]): void {
  nextCollections.delete(sql);
  sql.run(query, ...values);
}

export function nextCollectionAt(sql: Sql): number | null {
  const known = nextCollections.get(sql);
  if (known !== undefined) return known;
  const at = readNextCollection(sql);
  nextCollections.set(sql, at);
  return at;
}

function readNextCollection(sql: Sql): number | null {
  const { oldest, upload } = first<{ oldest: number | null; upload: number | null }>(
    sql,
    `SELECT (SELECT MIN(touched_at) FROM artefacts WHERE referenced = 0) AS oldest,
            (SELECT MIN(touched_at) FROM uploads) AS upload`,
  )!;
  const moments = [
    ...(oldest === null ? [] : [oldest + COLLECT_AFTER_MS]),
    ...(upload === null ? [] : [upload + ABANDON_AFTER_MS]),
  ];
  return moments.length === 0 ? null : Math.min(...moments);
}

// Uploads in parts

export function uploadOf(sql: Sql, sha256: string): Upload | undefined {
  const row = first<{ sha256: string; upload_id: string; bytes: number; media_type: string; parts: string }>(
    sql,
    "SELECT * FROM uploads WHERE sha256 = ?",
    sha256,
  );
  if (row === undefined) return undefined;
  return { sha256, uploadId: row.upload_id, bytes: row.bytes, mediaType: row.media_type, parts: JSON.parse(row.parts) };
}

/** `uploader` is a worker's id, or names a token. Throws `too-many-requests` when it has as many open as it may. */
export function openUpload(sql: Sql, upload: Omit<Upload, "parts">, uploader: string, now: number): void {
  const open = first<{ count: number }>(
    sql,
    "SELECT COUNT(*) AS count FROM uploads WHERE worker_id = ? AND sha256 <> ? AND touched_at > ?",
    uploader,
    upload.sha256,
    now - IDLE_AFTER_MS,
  )!.count;
  if (open >= LIMITS.openUploads) {
    throw new Problem(
      "too-many-requests",
      `${uploader} has ${open} uploads open; the limit is ${LIMITS.openUploads}.`,
      {
        cure: "Finish one of them first.",
      },
    );
  }
  write(
    sql,
    `INSERT INTO uploads (sha256, upload_id, worker_id, bytes, media_type, parts, touched_at) VALUES (?, ?, ?, ?, ?, '[]', ?)
     ON CONFLICT (sha256) DO UPDATE SET upload_id = excluded.upload_id, worker_id = excluded.worker_id, bytes = excluded.bytes,
       media_type = excluded.media_type, parts = '[]', touched_at = excluded.touched_at`,
    upload.sha256,
    upload.uploadId,
    uploader,
    upload.bytes,
    upload.mediaType,
    now,
  );
}

export function recordPart(sql: Sql, sha256: string, part: StoredPart, now: number): void {
  const upload = uploadOf(sql, sha256);
  if (upload === undefined) {
    throw new Problem("not-found", `There is no open upload of ${sha256}.`, { cure: "Open it again." });
  }
  const parts = [...upload.parts.filter((item) => item.partNumber !== part.partNumber), part];
  parts.sort((a, b) => a.partNumber - b.partNumber);
  write(sql, "UPDATE uploads SET parts = ?, touched_at = ? WHERE sha256 = ?", JSON.stringify(parts), now, sha256);
}

export function abandonUpload(sql: Sql, sha256: string): void {
  write(sql, "DELETE FROM uploads WHERE sha256 = ?", sha256);
}

/** Lists uploads that nobody goes on with. */
export function abandonedUploads(sql: Sql, now: number): Upload[] {
  return sql
    .all<{ sha256: string }>("SELECT sha256 FROM uploads WHERE touched_at <= ?", now - ABANDON_AFTER_MS)
    .map((row) => uploadOf(sql, row.sha256)!);
}
