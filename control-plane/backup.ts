/**
 * Backup and restore of a self-hosted control plane's state folder.
 *
 * A backup is a gzipped tar archive: `manifest.json`, which names every file with its size and SHA-256, then the files. It
 * can be taken while the control plane runs: databases are copied by SQLite's own backup, which the runtime's locks
 * respect, first those of the registry, then the store's index, then the stored bytes. Whatever the registry's
 * copy refers to was stored before it was referred to, so the copies that are made later hold it.
 */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, existsSync } from "node:fs";
import { chown, mkdir, mkdtemp, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { z } from "zod";
import { sha256 as sha256Text } from "../protocol/identifiers.ts";
import { Problem } from "../protocol/problem.ts";
import { wire } from "../protocol/wire.ts";
import { packTar, readTar, type TarFile } from "./tar.ts";

/** The folder in which the runtime keeps its state; logs and caches beside it are not part of a backup. */
const STATE = "v3";
const MANIFEST = "manifest.json";
const MANIFEST_LIMIT_BYTES = 256 * 1024 * 1024;
/** Linux's limit on a path (PATH_MAX). */
const LONGEST_PATH = 4096;

const backupManifest = z.strictObject({
  format: z.literal("ktrdr-backup"),
  formatVersion: z.literal(1),
  softwareVersion: z.string().max(40),
  createdAtMs: z.int(),
  files: z.array(z.strictObject({ path: z.string().max(LONGEST_PATH), bytes: z.int().min(0), sha256: sha256Text })),
});
export type BackupManifest = z.infer<typeof backupManifest>;

const manifestWire = wire(backupManifest);

interface Source {
  readonly path: string;
  readonly from: string;
}

/** Writes `output` whole or not at all, readable by its owner alone. Throws a `Problem` where there is nothing to back up. */
export async function backUp(
  stateFolder: string,
  output: string,
  softwareVersion: string,
  nowMs: number,
): Promise<BackupManifest> {
  if (existsSync(output)) {
    throw new Problem("conflict", `${output} is there already.`, { cure: "Choose another name, or move it away." });
  }
  if (!existsSync(join(stateFolder, STATE, "do"))) {
    throw new Problem("not-found", `${stateFolder} is not the state folder of a control plane.`, {
      cure: "Name it with --state: it is what the server was given as --state, or control-plane in the ktrdr home.",
    });
  }
  await mkdir(dirname(resolve(output)), { recursive: true });
  const scratch = await mkdtemp(`${output}.partial-`);
  try {
    const sources = await copyState(stateFolder, scratch);
    const files: BackupManifest["files"] = [];
    for (const { path, from } of sources) files.push({ path, ...(await measure(from)) });
    const manifest = { format: "ktrdr-backup", formatVersion: 1, softwareVersion, createdAtMs: nowMs, files } as const;
    const archive = join(scratch, "archive");
    await pipeline(
      packTar(filesOf(manifest, sources), manifest.createdAtMs),
      createGzip({ level: 1 }),
      createWriteStream(archive, { mode: 0o600, flush: true }),
    );
    await rename(archive, output);
    await syncFolder(dirname(resolve(output)));
    return manifest;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/**
 * Puts a backup where a control plane can start from it; every byte is checked before anything takes its place. With
 * `isReplacing`, state that is there is moved aside and its new place answered; otherwise it is a `Problem`.
 */
export async function restore(
  file: string,
  stateFolder: string,
  isReplacing: boolean,
): Promise<{ manifest: BackupManifest; movedTo: string | null }> {
  const present = join(stateFolder, STATE);
  if (existsSync(present) && !isReplacing) {
    throw new Problem("conflict", `${stateFolder} holds the state of a control plane already.`, {
      cure: "Restore into another folder with --state, or pass --replace: what is there is moved aside, not deleted.",
    });
  }
  await requireUnused(present);
  const isNew = !existsSync(stateFolder);
  const owner = await ownerOf(stateFolder);
  await mkdir(stateFolder, { recursive: true, mode: 0o700 });
  if (isNew) await giveTo(owner, stateFolder);
  const scratch = await mkdtemp(join(stateFolder, "restoring-"));
  try {
    const manifest = await extract(file, scratch);
    await checkDatabases(scratch, manifest);
    await giveTo(owner, join(scratch, STATE));
    const movedTo = existsSync(present) ? `${present}.before-restore-${Date.now()}` : null;
    if (movedTo !== null) await rename(present, movedTo);
    await rename(join(scratch, STATE), present);
    await syncFolder(stateFolder);
    return { manifest, movedTo };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Finds the owner of the folder, or of the nearest existing one above it. */
async function ownerOf(folder: string): Promise<Owner> {
  for (let path = resolve(folder); ; path = dirname(path)) {
    if (existsSync(path)) return await stat(path);
  }
}

/** Gives files that root restores to the owner of their folder: a service under that user would not start otherwise. */
async function giveTo({ uid, gid }: Owner, path: string): Promise<void> {
  if (process.getuid?.() !== 0 || uid === 0) return;
  await chown(path, uid, gid);
  if (!(await stat(path)).isDirectory()) return;
  for (const entry of await readdir(path)) await giveTo({ uid, gid }, join(path, entry));
}

/** The registry's databases, the store's index, the stored bytes, in this order; databases as copies in `scratch`. */
async function copyState(stateFolder: string, scratch: string): Promise<Source[]> {
  const sources: Source[] = [];
  for (const part of ["do", "r2"]) {
    for (const path of await filesIn(stateFolder, join(STATE, part), (name) => name.endsWith(".sqlite"))) {
      const copy = join(scratch, path);
      await mkdir(dirname(copy), { recursive: true });
      await copyDatabase(join(stateFolder, path), copy);
      sources.push({ path, from: copy });
    }
  }
  const isBytes = (name: string): boolean => !/\.sqlite(-wal|-shm)?$/.test(name);
  for (const path of await filesIn(stateFolder, join(STATE, "r2"), isBytes)) {
    sources.push({ path, from: join(stateFolder, path) });
  }
  return sources;
}

/** Lists the files in one folder and those within it, as paths from `root`, sorted. */
async function filesIn(root: string, folder: string, isWanted: (name: string) => boolean): Promise<string[]> {
  if (!existsSync(join(root, folder))) return [];
  const found: string[] = [];
  for (const entry of await readdir(join(root, folder), { withFileTypes: true, recursive: true })) {
    if (entry.isFile() && isWanted(entry.name)) found.push(join(entry.parentPath, entry.name).slice(root.length + 1));
  }
  return found.sort();
}

async function copyDatabase(from: string, to: string): Promise<void> {
  const { DatabaseSync, backup } = await import("node:sqlite");
  const source = new DatabaseSync(from, { readOnly: true });
  try {
    // All pages in one step, so that no write in between makes it begin anew.
    await backup(source, to, { rate: 2 ** 30 });
  } finally {
    source.close();
  }
}

async function measure(path: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return { bytes: (await stat(path)).size, sha256: hash.digest("hex") };
}

async function* filesOf(manifest: BackupManifest, sources: readonly Source[]): AsyncGenerator<TarFile> {
  const text = Buffer.from(JSON.stringify(manifestWire.encode(manifest)));
  yield { path: MANIFEST, bytes: text.byteLength, content: Readable.from([text]) };
  for (const [index, { path, from }] of sources.entries()) {
    yield { path, bytes: manifest.files[index]!.bytes, content: createReadStream(from) };
  }
}

async function extract(file: string, folder: string): Promise<BackupManifest> {
  let manifest: BackupManifest | undefined;
  const missing = new Map<string, BackupManifest["files"][number]>();
  for await (const { path, bytes, content } of readTar(contentOf(file))) {
    if (manifest === undefined) {
      if (path !== MANIFEST || bytes > MANIFEST_LIMIT_BYTES)
        throw notABackup(file, "it does not begin with a manifest");
      manifest = await readManifest(file, content);
      for (const entry of manifest.files) missing.set(entry.path, entry);
      continue;
    }
    const expected = missing.get(path);
    if (expected === undefined || expected.bytes !== bytes) throw notABackup(file, `${path} is not in its manifest so`);
    missing.delete(path);
    await extractFile(file, content, expected, insideOf(folder, path, file));
  }
  if (manifest === undefined) throw notABackup(file, "it is empty");
  const [absent] = missing.keys();
  if (absent !== undefined) throw notABackup(file, `${absent} is missing`);
  return manifest;
}

async function extractFile(
  file: string,
  content: AsyncIterable<Uint8Array>,
  expected: BackupManifest["files"][number],
  target: string,
): Promise<void> {
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  const hash = createHash("sha256");
  const hashed = async function* (): AsyncGenerator<Uint8Array> {
    for await (const part of content) {
      hash.update(part);
      yield part;
    }
  };
  await pipeline(Readable.from(hashed()), createWriteStream(target, { mode: 0o600, flush: true }));
  if (hash.digest("hex") !== expected.sha256)
    throw notABackup(file, `${expected.path} has other bytes than its SHA-256`);
}

async function readManifest(file: string, content: AsyncIterable<Uint8Array>): Promise<BackupManifest> {
  const parts: Uint8Array[] = [];
  for await (const part of content) parts.push(part);
  try {
    return manifestWire.parse(JSON.parse(Buffer.concat(parts).toString("utf8")), "manifest");
  } catch (error) {
    throw notABackup(file, Problem.from(error).message);
  }
}

async function* contentOf(file: string): AsyncGenerator<Uint8Array> {
  const unzipped = createGunzip();
  const reading = pipeline(createReadStream(file), unzipped);
  reading.catch(() => {}); // The reader below meets the same fault.
  try {
    yield* unzipped as AsyncIterable<Uint8Array>;
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw notABackup(file, (error as Error).message);
  }
}

/** A path of the archive never leads out of the folder, whatever it says. */
function insideOf(folder: string, path: string, file: string): string {
  const target = resolve(folder, path);
  if (!target.startsWith(`${join(folder, STATE)}${sep}`)) throw notABackup(file, `${path} leads elsewhere`);
  return target;
}

async function checkDatabases(folder: string, { files }: BackupManifest): Promise<void> {
  const { DatabaseSync } = await import("node:sqlite");
  for (const { path } of files) {
    if (!path.endsWith(".sqlite")) continue;
    const database = new DatabaseSync(join(folder, path));
    try {
      const [row] = database.prepare("PRAGMA integrity_check").all() as { integrity_check: string }[];
      if (row?.integrity_check !== "ok") throw notABackup(path, row?.integrity_check ?? "its check says nothing");
    } finally {
      database.close();
    }
  }
}

/** A running control plane holds its databases' locks; a database that can be locked is not in use. */
async function requireUnused(state: string): Promise<void> {
  if (!existsSync(state)) return;
  const { DatabaseSync } = await import("node:sqlite");
  for (const path of await filesIn(dirname(state), join(STATE, "do"), (name) => name.endsWith(".sqlite"))) {
    const database = new DatabaseSync(join(dirname(state), path));
    try {
      database.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT");
    } catch (error) {
      throw new Problem("conflict", `A control plane runs on ${dirname(state)}.`, {
        cure: "Stop it first; its nodes go on with what they hold, and come back.",
        cause: error,
      });
    } finally {
      database.close();
    }
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function notABackup(file: string, reason: string): Problem {
  return new Problem("invalid-request", `${file} is not a whole backup: ${reason}.`, {
    cure: "Copy it again from where it was made, or take another backup. Nothing was changed.",
  });
}
