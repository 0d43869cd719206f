import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { gunzipSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Problem } from "../protocol/problem.ts";
import { backUp, restore } from "./backup.ts";
import { packTar, readTar, type TarFile } from "./tar.ts";

const DATABASE = "v3/do/ktrdr-WorkerRegistry/registry.sqlite";
/** Written by the code that made tar headers of its own, until November 2026; the blob's path is in two header fields. */
const OF_0_1_0 = join(import.meta.dirname, "testing", "backup-of-0.1.0.tar.gz");
const BLOB = "v3/r2/ktrdr-artefacts/blobs/0123";
/** More than the 8 GiB that a header without pax holds. */
const LARGE_BYTES = 9 * 1024 ** 3;
let folder: string;
let state: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ktrdr-backup-"));
  state = join(folder, "state");
  file = join(folder, "backup.tar.gz");
  write(state, BLOB, Buffer.alloc(70_000, 7));
  write(state, "control-plane.log", Buffer.from("not part of it"));
  write(state, "v3/cache/x.sqlite", Buffer.from("nor is this"));
  mkdirSync(dirname(join(state, DATABASE)), { recursive: true });
});
// Nine gigabytes take their time to go.
afterEach(() => rmSync(folder, { recursive: true, force: true }), 120_000);

function write(root: string, path: string, bytes: Uint8Array): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), bytes);
}

/** A database in the manner of the runtime's, with `rows` in it. */
function openDatabase(rows: number): DatabaseSync {
  const database = new DatabaseSync(join(state, DATABASE));
  database.exec("PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS t (x)");
  for (let i = 0; i < rows; i++) database.prepare("INSERT INTO t VALUES (?)").run(i);
  return database;
}

function rowsIn(root: string): number {
  const database = new DatabaseSync(join(root, DATABASE));
  const { count } = database.prepare("SELECT COUNT(*) AS count FROM t").get() as { count: number };
  database.close();
  return count;
}

/** The archive with its bytes changed by `change`. */
function tampered(change: (tar: Buffer) => Buffer): string {
  const path = join(folder, "tampered.tar.gz");
  writeFileSync(path, gzipSync(change(gunzipSync(readFileSync(file)))));
  return path;
}

async function* filesOf(entries: Iterable<readonly [path: string, content: Uint8Array]>): AsyncGenerator<TarFile> {
  for (const [path, content] of entries) yield { path, bytes: content.byteLength, content: Readable.from([content]) };
}

async function problemOf(work: Promise<unknown>): Promise<Problem> {
  try {
    await work;
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  throw new Error("there was no problem");
}

describe("a backup", () => {
  it("restores an open database whole, with its newest writes still in the journal", async () => {
    const database = openDatabase(100);
    const manifest = await backUp(state, file, "1.2.3", 5);
    database.close();
    expect(manifest.files.map((entry) => entry.path)).toEqual([DATABASE, BLOB]);
    const target = join(folder, "restored");
    const restored = await restore(file, target, false);
    expect(restored).toMatchObject({ manifest: { softwareVersion: "1.2.3", createdAtMs: 5 }, movedTo: null });
    expect(rowsIn(target)).toBe(100);
    expect(readFileSync(join(target, BLOB)).equals(Buffer.alloc(70_000, 7))).toBe(true);
    expect(readdirSync(target)).toEqual(["v3"]);
  });

  it("is readable by its owner alone, and leaves nothing else behind", async () => {
    openDatabase(1).close();
    await backUp(state, file, "1.0.0", 0);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder).sort()).toEqual(["backup.tar.gz", "state"]);
  });

  it("holds a path of 300 characters, and GNU tar reads it too", async () => {
    const long = `v3/r2/ktrdr-artefacts/${"folder/".repeat(20)}${"界".repeat(40)}${"x".repeat(98)}`;
    expect(long).toHaveLength(300);
    openDatabase(1).close();
    write(state, long, Buffer.from("deep"));
    await backUp(state, file, "1.0.0", 0);
    await restore(file, join(folder, "restored"), false);
    expect(readFileSync(join(folder, "restored", long), "utf8")).toBe("deep");
    expect(execFileSync("tar", ["-xzOf", file, long], { encoding: "utf8" })).toBe("deep");
  });

  it.runIf(process.env.FULL_BACKUP === "1")(
    "holds a file of 9 GiB (minutes of hashing and packing, so only where FULL_BACKUP=1 asks for it)",
    async () => {
      openDatabase(1).close();
      truncateSync(join(state, BLOB), LARGE_BYTES);
      const manifest = await backUp(state, file, "1.0.0", 0);
      expect(manifest.files.find(({ path }) => path === BLOB)?.bytes).toBe(LARGE_BYTES);
      await restore(file, join(folder, "restored"), false);
      expect(statSync(join(folder, "restored", BLOB)).size).toBe(LARGE_BYTES);
    },
    1_200_000,
  );

  it("overwrites nothing, and is refused where there is no state", async () => {
    openDatabase(1).close();
    writeFileSync(file, "mine");
    expect((await problemOf(backUp(state, file, "1.0.0", 0))).kind).toBe("conflict");
    expect(readFileSync(file, "utf8")).toBe("mine");
    const elsewhere = await problemOf(backUp(folder, join(folder, "other"), "1.0.0", 0));
    expect(elsewhere.message).toContain("is not the state folder");
  });
});

describe("a restore", () => {
  beforeEach(async () => {
    openDatabase(3).close();
    await backUp(state, file, "1.0.0", 0);
  });

  it("leaves state that is there alone, unless it is told to move it aside", async () => {
    openDatabase(4).close();
    expect((await problemOf(restore(file, state, false))).kind).toBe("conflict");
    expect(rowsIn(state)).toBe(7);
    const { movedTo } = await restore(file, state, true);
    expect(rowsIn(state)).toBe(3);
    expect(statSync(join(movedTo ?? "", "do")).isDirectory()).toBe(true);
  });

  it("is refused while a control plane has the state open", async () => {
    const database = openDatabase(0);
    const problem = await problemOf(restore(file, state, true));
    database.close();
    expect(problem.message).toContain("A control plane runs on");
    expect(rowsIn(state)).toBe(3);
  });

  it("changes nothing for an archive that ends early", async () => {
    const target = join(folder, "restored");
    const bytes = readFileSync(file);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: bytes.byteLength - 1 }), async (length) => {
        const path = join(folder, "short.tar.gz");
        writeFileSync(path, bytes.subarray(0, length));
        expect((await problemOf(restore(path, target, false))).message).toContain("is not a whole backup");
        expect(readdirSync(target)).toEqual([]);
      }),
      { numRuns: 20 },
    );
  });

  it("finds one changed byte", async () => {
    const path = tampered((tar) => {
      tar[tar.indexOf(Buffer.alloc(1000, 7)) + 500] = 8;
      return tar;
    });
    const problem = await problemOf(restore(path, join(folder, "restored"), false));
    expect(problem.message).toContain(`${BLOB} has other bytes than its SHA-256`);
  });

  it("writes nothing outside of the folder, whatever the archive says", async () => {
    const content = Buffer.from("out");
    const sha256 = "0".repeat(64);
    const entry = { path: "v3/../../evil", bytes: content.byteLength };
    const manifest = Buffer.from(
      JSON.stringify({
        ...{ format: "ktrdr-backup", format_version: 1, software_version: "1", created_at_ms: 0 },
        files: [{ ...entry, sha256 }],
      }),
    );
    const files = filesOf([
      ["manifest.json", manifest],
      [entry.path, content],
    ]);
    const tar = await buffer(packTar(files, 0));
    const path = tampered(() => tar);
    const problem = await problemOf(restore(path, join(folder, "restored"), false));
    expect(problem.message).toContain("v3/../../evil leads elsewhere");
    expect(readdirSync(folder)).not.toContain("evil");
  });

  it("reads an archive of the release before, without pax headers", async () => {
    const target = join(folder, "restored");
    const { manifest } = await restore(OF_0_1_0, target, false);
    const [, blob] = manifest.files.map(({ path }) => path);
    expect(Buffer.byteLength(blob)).toBeGreaterThan(100);
    expect(rowsIn(target)).toBe(3);
    expect(readFileSync(join(target, blob)).equals(Buffer.alloc(70_000, 7))).toBe(true);
  });

  it("refuses a file that is no backup", async () => {
    const path = join(folder, "letter.txt");
    writeFileSync(path, "dear reader");
    expect((await problemOf(restore(path, join(folder, "restored"), false))).message).toContain(
      "incorrect header check",
    );
  });
});

describe("a tar archive", () => {
  it("holds a file of 9 GiB beside a small one, and keeps little of it in memory", async () => {
    const zeros = new Uint8Array(16 * 1024 * 1024);
    async function* large(): AsyncGenerator<Uint8Array> {
      for (let bytes = 0; bytes < LARGE_BYTES; bytes += zeros.byteLength) yield zeros;
    }
    async function* files(): AsyncGenerator<TarFile> {
      yield { path: "large", bytes: LARGE_BYTES, content: large() };
      yield* filesOf([["small", Buffer.from("end")]]);
    }
    const read: [string, number][] = [];
    let mostBytes = 0;
    for await (const { path, bytes, content } of readTar(packTar(files(), 0))) {
      let arrived = 0;
      for await (const part of content) {
        arrived += part.byteLength;
        mostBytes = Math.max(mostBytes, process.memoryUsage.rss());
      }
      expect(arrived).toBe(bytes);
      read.push([path, bytes]);
    }
    expect(read).toEqual([
      ["large", LARGE_BYTES],
      ["small", 3],
    ]);
    expect(mostBytes).toBeLessThan(1e9);
  });

  it("skips files that nobody reads", async () => {
    const archive = packTar(
      filesOf([
        ["first", new Uint8Array(5_000_000)],
        ["second", Buffer.from("2")],
      ]),
      0,
    );
    const paths: string[] = [];
    for await (const { path } of readTar(archive)) paths.push(path);
    expect(paths).toEqual(["first", "second"]);
  });

  it("fails when a file grew after it was measured", async () => {
    async function* grown(): AsyncGenerator<TarFile> {
      yield { path: "a", bytes: 3, content: Readable.from([Buffer.from("four")]) };
    }
    await expect(buffer(packTar(grown(), 0))).rejects.toThrow("exceeds given size of 3 bytes");
  });
});

it("a tar archive gives back its files, however it is cut into pieces", async () => {
  const name = fc.stringMatching(/^[a-z0-9.é]{1,90}$/);
  const path = fc.array(name, { minLength: 1, maxLength: 5 }).map((names) => names.join("/"));
  const files = fc.array(fc.tuple(path, fc.uint8Array({ maxLength: 2000 })), { maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(files, fc.integer({ min: 1, max: 3000 }), async (entries, pieceBytes) => {
      const archive = await buffer(packTar(filesOf(entries), 0));
      async function* pieces(): AsyncGenerator<Uint8Array> {
        for (let at = 0; at < archive.byteLength; at += pieceBytes) yield archive.subarray(at, at + pieceBytes);
      }
      const read: [string, number[]][] = [];
      for await (const entry of readTar(pieces())) {
        const content: number[] = [];
        for await (const part of entry.content) content.push(...part);
        read.push([entry.path, content]);
      }
      expect(read).toEqual(entries.map(([path, content]) => [path, [...content]]));
    }),
  );
});
