/**
 * Models by name and version; the bytes are artefacts, which stay for as long as a version names them.
 *
 * A finished training run's model becomes the next version of its name in the same step that completes the run, so there is
 * no model without its run and no run without its model. Versions count up and are never used twice, also after removal.
 */
import { type ModelVersion, Problem, pathOf, ROUTES } from "../../protocol/index.ts";
import { artefactBytes, keepArtefact, releaseArtefact } from "./artefact-index.ts";
import { first, type Sql } from "./sql.ts";

interface ModelRow {
  name: string;
  version: number;
  sha256: string;
  bytes: number;
  operation_id: string | null;
  created_at: number;
  summary: string;
}

export interface NewModel {
  readonly name: string;
  readonly sha256: string;
  readonly operationId: string | null;
  readonly summary: Readonly<Record<string, unknown>>;
}

/**
 * Gives stored bytes a name, as its next version; bytes that have a version of that name keep it. Throws `conflict` while
 * the bytes are not stored.
 */
export function publishModel(sql: Sql, model: NewModel, now: number): ModelVersion {
  const { name, sha256, operationId, summary } = model;
  const bytes = artefactBytes(sql, sha256, now);
  if (bytes === undefined) {
    throw new Problem("conflict", `The bytes of model ${sha256} are not stored.`, {
      cure: `Upload them to ${pathOf(ROUTES.uploadArtefact, { sha256 })} first, as \`ktrdr models import\` does.`,
    });
  }
  const present = first<ModelRow>(sql, "SELECT * FROM models WHERE name = ? AND sha256 = ?", name, sha256);
  if (present !== undefined) return toVersion(present);
  sql.run(
    `INSERT INTO model_names (name, versions) VALUES (?, 1)
     ON CONFLICT (name) DO UPDATE SET versions = versions + 1`,
    name,
  );
  const { versions } = first<{ versions: number }>(sql, "SELECT versions FROM model_names WHERE name = ?", name)!;
  sql.run(
    "INSERT INTO models (name, version, sha256, bytes, operation_id, created_at, summary) VALUES (?, ?, ?, ?, ?, ?, ?)",
    ...[name, versions, sha256, bytes, operationId, now, JSON.stringify(summary)],
  );
  keepArtefact(sql, sha256);
  return { name, version: versions, sha256, bytes, operationId, createdAt: now, summary: { ...summary } };
}

/** Lists the versions of every name, or of the given one, by name and the newest first. */
export function listModels(sql: Sql, name: string | null): ModelVersion[] {
  const rows =
    name === null
      ? sql.all<ModelRow>("SELECT * FROM models ORDER BY name, version DESC")
      : sql.all<ModelRow>("SELECT * FROM models WHERE name = ? ORDER BY version DESC", name);
  return rows.map(toVersion);
}

/** Finds one version, the newest where none is named. Throws `not-found`. */
export function findModel(sql: Sql, name: string, version: number | null): ModelVersion {
  const versions = listModels(sql, name);
  const found = version === null ? versions[0] : versions.find((model) => model.version === version);
  if (found !== undefined) return found;
  const known = versions.map((model) => model.version).join(", ");
  const text =
    known === "" ? `There is no model ${name}.` : `Model ${name} has no version ${version}; it has ${known}.`;
  throw new Problem("not-found", text, { cure: "List the models with `ktrdr models list`." });
}

/** Removes one version, or (null) all of a name. Throws `not-found`. */
export function removeModel(sql: Sql, name: string, version: number | null, now: number): void {
  const newest = findModel(sql, name, version);
  const removed = version === null ? listModels(sql, name) : [newest];
  for (const model of removed) {
    sql.run("DELETE FROM models WHERE name = ? AND version = ?", name, model.version);
    releaseArtefact(sql, model.sha256, now);
  }
}

function toVersion(row: ModelRow): ModelVersion {
  return {
    name: row.name,
    version: row.version,
    sha256: row.sha256,
    bytes: row.bytes,
    operationId: row.operation_id,
    createdAt: row.created_at,
    summary: JSON.parse(row.summary),
  };
}
