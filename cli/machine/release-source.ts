/**
 * Finds and fetches newer versions of ktrdr: from an npm registry, from a folder that deploy/scripts/build-release.sh fills
 * (on a disk or behind a URL), or from one file. The bytes are always checked before any node is asked to stop.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { copyFile, readFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { z } from "zod";
import { byteLength } from "../../protocol/byte-length.ts";
import { Problem } from "../../protocol/problem.ts";
import { compareVersions } from "./version-order.ts";

const PACKAGE_NAME = "ktrdr";
const MAX_ARCHIVE_BYTES = 256 * 1024 * 1024;
const MAX_LIST_BYTES = 1024 * 1024;
const DOWNLOAD_TIMEOUT_MS = 600_000;
const NPM_TIMEOUT_MS = 300_000;

const run = promisify(execFile);

/** Expected hashes of the bytes. Without either, only their form is checked. */
export interface Hashes {
  /** 64 hexadecimal digits. */
  readonly sha256?: string | undefined;
  /** As npm writes it: `sha512-` and base64. */
  readonly integrity?: string | undefined;
}

export interface Release {
  /** Null until the file itself was read. */
  readonly version: string | null;
  readonly hashes: Hashes;
  /** The source for people: a path, a URL, or the registry. */
  readonly origin: string;
  /** Puts the tarball into the caller's own folder and answers its path. Its content is not checked yet. */
  fetch(folder: string): Promise<string>;
}

export interface ReleaseWish {
  /** A `.tgz`, or a folder with SHA256SUMS: a path or a URL. Null for the npm registry. */
  readonly source: string | null;
  /** Null for the newest. A build's name, such as `0.2.0-1a2b3c4d5e6f`, works where builds have names. */
  readonly version: string | null;
  readonly hashes: Hashes;
}

/**
 * Throws `not-found` for a missing release, `unavailable` for a source that does not answer, and `invalid-request` for
 * malformed words.
 */
export async function findRelease(wish: ReleaseWish, environment: NodeJS.ProcessEnv): Promise<Release> {
  checkHashes(wish.hashes);
  const { source } = wish;
  if (source === null) return registryRelease(wish, environment);
  const hasHash = wish.hashes.sha256 !== undefined || wish.hashes.integrity !== undefined;
  if (isUrl(source) && !isSafe(source) && !(hasHash && source.startsWith("http://"))) {
    throw new Problem("invalid-request", `What comes from ${source} could be changed on its way`, {
      cure: "Use https://, or say what its bytes have to be with --sha256 or --integrity.",
    });
  }
  const place = isUrl(source) ? source : resolve(source);
  return source.endsWith(".tgz") ? fileRelease(place, wish.hashes) : listedRelease(place, wish);
}

export interface FetchedRelease {
  readonly path: string;
  readonly version: string;
  /** SHA-256 of the fetched bytes. */
  readonly sha256: string;
}

/**
 * Brings the release into `folder`, and checks that it is whole, has the expected bytes, and is ktrdr. Throws
 * `invalid-request` when a check fails; nothing else has happened by then.
 */
export async function fetchRelease(release: Release, folder: string): Promise<FetchedRelease> {
  const path = await release.fetch(folder);
  const { sha256, integrity } = await hashesOf(path);
  const wanted = release.hashes;
  const odd =
    wanted.sha256 !== undefined && wanted.sha256 !== sha256
      ? `the SHA-256 ${wanted.sha256}, but ${sha256}`
      : wanted.integrity !== undefined && wanted.integrity !== integrity
        ? `the integrity ${wanted.integrity}, but ${integrity}`
        : null;
  if (odd !== null) {
    throw new Problem("invalid-request", `${release.origin} does not have ${odd}`, {
      cure: "It was damaged or changed on its way. Nothing was changed here; get it again.",
    });
  }
  const version = await versionInside(path, release.origin);
  if (release.version !== null && release.version !== version) {
    throw new Problem("invalid-request", `${release.origin} is said to be ${release.version}, but holds ${version}`, {
      cure: "Whoever keeps that source has to correct it. Nothing was changed here.",
    });
  }
  return { path, version, sha256 };
}

function checkHashes({ sha256, integrity }: Hashes): void {
  const odd =
    sha256 !== undefined && !/^[0-9a-f]{64}$/.test(sha256)
      ? `--sha256 ${sha256} is not 64 hexadecimal digits`
      : integrity !== undefined && !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity)
        ? `--integrity ${integrity} is not sha512- and 88 characters of base64`
        : null;
  if (odd === null) return;
  throw new Problem("invalid-request", odd, { cure: "Take it as sha256sum, or as npm, prints it." });
}

function isUrl(place: string): boolean {
  return /^[a-z]+:\/\//i.test(place);
}

/** True when nobody on the way can change the bytes. */
function isSafe(url: string): boolean {
  return /^(https:\/\/|http:\/\/(127\.0\.0\.1|localhost)([:/]|$))/.test(url);
}

function definedOf(hashes: Hashes): Hashes {
  return Object.fromEntries(Object.entries(hashes).filter(([, hash]) => hash !== undefined));
}

const npmView = z.object({
  version: z.string(),
  "dist.integrity": z.string(),
  "dist.tarball": z.string().optional(),
});

/** Uses npm, whose own settings name the registry and the way to reach it. */
async function registryRelease(wish: ReleaseWish, environment: NodeJS.ProcessEnv): Promise<Release> {
  const wanted = wish.version ?? "latest";
  if (!/^[A-Za-z0-9][A-Za-z0-9.+-]{0,99}$/.test(wanted)) {
    throw new Problem("invalid-request", `"${wanted}" is no version`, { cure: "Name one such as 0.2.0." });
  }
  const name = `${PACKAGE_NAME}@${wanted}`;
  const answer = await npm(["view", name, "version", "dist.integrity", "dist.tarball", "--json"], environment);
  const found = npmView.safeParse(answer === "" ? null : JSON.parse(answer));
  if (!found.success) throw noSuchVersion(wanted, "the npm registry");
  const { version, "dist.integrity": integrity } = found.data;
  return {
    version,
    hashes: { integrity, ...definedOf(wish.hashes) },
    origin: `${PACKAGE_NAME}@${version} of the npm registry`,
    async fetch(folder) {
      // npm compares its download with the registry's integrity. The file is checked here once more.
      const words = ["pack", `${PACKAGE_NAME}@${version}`, "--json", "--ignore-scripts", "--pack-destination", folder];
      const [{ filename }] = z
        .tuple([z.object({ filename: z.string() })])
        .parse(JSON.parse(await npm(words, environment)));
      return join(folder, basename(filename));
    },
  };
}

async function npm(words: readonly string[], environment: NodeJS.ProcessEnv): Promise<string> {
  try {
    const { stdout } = await run("npm", [...words], { env: environment, timeout: NPM_TIMEOUT_MS, encoding: "utf8" });
    return stdout.trim();
  } catch (error) {
    const { stdout = "", stderr = "", code } = error as { stdout?: string; stderr?: string; code?: unknown };
    if (stdout.includes('"E404"') || stderr.includes("E404") || stdout.includes('"ETARGET"')) return "";
    const said = code === "ENOENT" ? "npm is not installed here" : firstError(stderr) || (error as Error).message;
    throw new Problem("unavailable", `npm ${words[0]} failed: ${said}`, {
      cure: "See that npm reaches its registry (npm ping), or name a file or folder with --from.",
      cause: error,
    });
  }
}

/** The first error of npm's output, without the warnings before it. */
function firstError(text: string): string {
  const lines = text.split("\n").flatMap((line) => /^npm (?:error|ERR!) (?:code )?(.+)/.exec(line)?.[1] ?? []);
  return lines.slice(0, 2).join(": ");
}

function noSuchVersion(wanted: string, where: string): Problem {
  return new Problem("not-found", `There is no ${PACKAGE_NAME}@${wanted} in ${where}`, {
    cure: "See what is there with --check, or name a file or folder with --from.",
  });
}

interface Listed {
  readonly sha256: string;
  readonly fileName: string;
  readonly version: string;
  /** The part of the name after the version: a dash and a commit. */
  readonly build: string;
}

async function listedRelease(place: string, { version, hashes }: ReleaseWish): Promise<Release> {
  const folder = place.replace(/\/$/, "");
  const entries = parseList(await listOf(folder));
  const isWanted = (entry: Listed): boolean =>
    version === null || [entry.version, `${entry.version}${entry.build}`].includes(version);
  // Among builds of one version, the one listed last.
  const newest = (one: Listed | null, other: Listed): Listed =>
    one !== null && compareVersions(one.version, other.version) > 0 ? one : other;
  const chosen = entries.filter(isWanted).reduce<Listed | null>(newest, null);
  if (chosen === null) throw noSuchVersion(version ?? "latest", folder);
  const file = `${folder}/${chosen.fileName}`;
  return {
    version: chosen.version,
    hashes: { sha256: chosen.sha256, ...definedOf(hashes) },
    origin: file,
    fetch: (target) => bring(file, target),
  };
}

/** Reads SHA256SUMS. A local folder without it is listed by its `.sha256` files, the oldest first. */
async function listOf(folder: string): Promise<string> {
  const list = `${folder}/SHA256SUMS`;
  if (isUrl(folder)) return readText(list, MAX_LIST_BYTES);
  if (existsSync(list)) return readText(list, MAX_LIST_BYTES);
  try {
    const names = readdirSync(folder).filter((name) => name.endsWith(".tgz.sha256"));
    const files = names.map((name) => ({ path: join(folder, name), at: statSync(join(folder, name)).mtimeMs }));
    return files
      .toSorted((one, other) => one.at - other.at)
      .map(({ path }) => readFileSync(path, "utf8"))
      .join("\n");
  } catch (error) {
    throw unreadable(folder, error);
  }
}

/** Parses a line of sha256sum for `ktrdr-0.2.0.tgz` or `ktrdr-0.2.0-1a2b3c4d5e6f.tgz`. */
const LISTED = /^([0-9a-f]{64}) [ *](ktrdr-([A-Za-z0-9.+-]+?)(-[0-9a-f]{12})?\.tgz)$/;

function parseList(text: string): Listed[] {
  return text.split("\n").flatMap((line) => {
    const [, sha256, fileName = "", version = "", build = ""] = LISTED.exec(line.trim()) ?? [];
    return sha256 === undefined ? [] : [{ sha256, fileName, version, build }];
  });
}

/** Checked by the given hash, else by the one beside it. */
async function fileRelease(file: string, said: Hashes): Promise<Release> {
  const isSaid = said.sha256 !== undefined || said.integrity !== undefined;
  const beside = isSaid ? null : await readText(`${file}.sha256`, MAX_LIST_BYTES).catch(() => null);
  const sha256 = beside === null ? undefined : /^[0-9a-f]{64}(?=\s|$)/.exec(beside)?.[0];
  if (!isSaid && sha256 === undefined && isUrl(file)) {
    throw new Problem("invalid-request", `Nothing says what the bytes of ${file} have to be`, {
      cure: "Say it with --sha256 or --integrity, or put a .sha256 beside it, as build-release.sh does.",
    });
  }
  return { version: null, hashes: isSaid ? said : { sha256 }, origin: file, fetch: (folder) => bring(file, folder) };
}

async function bring(place: string, folder: string): Promise<string> {
  const target = join(folder, basename(place));
  try {
    if (isUrl(place)) await download(place, target);
    else await copyFile(place, target);
  } catch (error) {
    throw unreadable(place, error);
  }
  return target;
}

async function download(url: string, target: string): Promise<void> {
  const response = await open(url);
  if (response.body === null) throw new Error("it has no body");
  let bytes = 0;
  const counted = async function* (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      bytes += chunk.byteLength;
      if (bytes > MAX_ARCHIVE_BYTES) throw new Error(`it is larger than ${MAX_ARCHIVE_BYTES} bytes`);
      yield chunk;
    }
  };
  await pipeline(Readable.fromWeb(response.body as never), counted, createWriteStream(target, { mode: 0o644 }));
}

async function readText(place: string, mostBytes: number): Promise<string> {
  try {
    if (!isUrl(place)) return await readFile(place, "utf8");
    const text = await (await open(place)).text();
    if (byteLength(text) > mostBytes) throw new Error(`it is larger than ${mostBytes} bytes`);
    return text;
  } catch (error) {
    throw unreadable(place, error);
  }
}

async function open(url: string): Promise<Response> {
  const response = await fetch(url, { signal: AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS) });
  if (!response.ok) throw new Error(`it answers ${response.status}`);
  if (isSafe(url) && !isSafe(response.url)) throw new Error(`it leads on to ${response.url}, which is not https`);
  return response;
}

function unreadable(place: string, error: unknown): Problem {
  const { message, cause } = error as Error;
  const reason = cause instanceof Error ? `${message}: ${cause.message}` : message;
  return new Problem("unavailable", `${place} cannot be read: ${reason}`, {
    cure: "Correct the path or URL, or wait until it is there again. Nothing was changed here.",
    cause: error,
  });
}

async function hashesOf(path: string): Promise<Required<Record<keyof Hashes, string>>> {
  const [sha256, sha512] = [createHash("sha256"), createHash("sha512")];
  for await (const chunk of createReadStream(path)) {
    sha256.update(chunk);
    sha512.update(chunk);
  }
  return { sha256: sha256.digest("hex"), integrity: `sha512-${sha512.digest("base64")}` };
}

const manifest = z.object({ name: z.literal(PACKAGE_NAME), version: z.string().regex(/^[0-9][A-Za-z0-9.+-]{0,99}$/) });

/** Reads the whole archive, since gzip shows damage only at its end. */
async function versionInside(path: string, origin: string): Promise<string> {
  try {
    await run("gzip", ["--test", path]);
    const { stdout } = await run("tar", ["-xzOf", path, "package/package.json"], { encoding: "utf8" });
    return manifest.parse(JSON.parse(stdout)).version;
  } catch (error) {
    throw new Problem("invalid-request", `${origin} is damaged, or no package of ktrdr`, {
      cure: "Take one that build-release.sh or npm pack made. Nothing was changed here.",
      cause: error,
    });
  }
}
