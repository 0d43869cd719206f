import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findProgram } from "../../deploy/testing/stand-ins.ts";
import { fetchRelease, findRelease, type Hashes, type ReleaseWish } from "./release-source.ts";

let folder: string;
let shelf: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ktrdr-source-"));
  shelf = join(folder, "shelf");
  mkdirSync(shelf);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface Packed {
  path: string;
  sha256: string;
  integrity: string;
}

/** A tarball as npm makes it, named after the version and build. */
function pack(version: string, build = "", name = "ktrdr", said = version): Packed {
  const tree = join(folder, `tree-${version}${build}`);
  mkdirSync(join(tree, "package"), { recursive: true });
  writeFileSync(join(tree, "package", "package.json"), JSON.stringify({ name, version: said }));
  const path = join(shelf, `ktrdr-${version}${build}.tgz`);
  execFileSync("tar", ["-czf", path, "-C", tree, "package"]);
  const hash = (algorithm: string) => createHash(algorithm).update(readFileSync(path));
  return { path, sha256: hash("sha256").digest("hex"), integrity: `sha512-${hash("sha512").digest("base64")}` };
}

function note({ path, sha256 }: Packed): void {
  writeFileSync(`${path}.sha256`, `${sha256}  ${basename(path)}\n`);
}

function list(...packed: Packed[]): void {
  const lines = packed.map(({ path, sha256 }) => `${sha256}  ${basename(path)}\n`);
  writeFileSync(join(shelf, "SHA256SUMS"), lines.join(""));
}

const find = (wish: Partial<ReleaseWish>, environment: NodeJS.ProcessEnv = process.env) =>
  findRelease({ source: shelf, version: null, hashes: {}, ...wish }, environment);

async function bring(wish: Partial<ReleaseWish>, environment?: NodeJS.ProcessEnv) {
  const target = mkdtempSync(join(folder, "incoming-"));
  return fetchRelease(await find(wish, environment), target);
}

/** A web server on loopback. */
async function serve(handle: RequestListener, host = "127.0.0.1") {
  const server = createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host}:${port}`,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const serveShelf = () =>
  serve((request, response) => {
    try {
      response.end(readFileSync(join(shelf, basename(request.url ?? ""))));
    } catch {
      response.writeHead(404).end();
    }
  });

const COMMITS = ["-0123456789ab", "-ba9876543210"];

describe("a folder of releases", () => {
  it("offers the newest version, and between two builds of it the one listed last", async () => {
    const packed = [pack("0.2.0", COMMITS[0]), pack("0.10.0", COMMITS[0]), pack("0.10.0", COMMITS[1]), pack("0.9.0")];
    list(...packed);
    expect(await find({})).toMatchObject({
      ...{ version: "0.10.0", origin: packed[2].path, hashes: { sha256: packed[2].sha256 } },
    });
    expect(await bring({})).toMatchObject({ version: "0.10.0", sha256: packed[2].sha256 });
  });

  it("finds a requested version, also by its build", async () => {
    list(pack("0.2.0", COMMITS[0]), pack("0.2.0", COMMITS[1]), pack("0.3.0-rc.1"));
    expect((await find({ version: "0.2.0" })).origin).toContain(COMMITS[1]);
    expect((await find({ version: `0.2.0${COMMITS[0]}` })).origin).toContain(COMMITS[0]);
    expect((await find({ version: "0.3.0-rc.1" })).version).toBe("0.3.0-rc.1");
    await expect(find({ version: "0.4.0" })).rejects.toThrow("There is no ktrdr@0.4.0 in");
  });

  it("needs no list when each release has its hash beside it", async () => {
    const packed = [pack("0.2.0", COMMITS[0]), pack("0.2.0", COMMITS[1])];
    packed.forEach(note);
    utimesSync(`${packed[0].path}.sha256`, 2e9, 2e9);
    expect((await find({})).origin).toBe(packed[0].path);
  });

  it("is named in the error when it is missing or empty", async () => {
    await expect(find({ source: join(folder, "gone") })).rejects.toThrow(`${join(folder, "gone")} cannot be read`);
    await expect(find({})).rejects.toThrow("There is no ktrdr@latest in");
  });

  it("works the same behind a URL", async () => {
    await using server = await serveShelf();
    const packed = pack("0.2.0");
    list(packed);
    expect(await bring({ source: `${server.url}/` })).toMatchObject({ version: "0.2.0", sha256: packed.sha256 });
    rmSync(packed.path);
    await expect(bring({ source: server.url })).rejects.toThrow("ktrdr-0.2.0.tgz cannot be read: it answers 404");
  });
});

describe("a file", () => {
  it("needs no hash when it is on this machine; a given hash goes before the one beside it", async () => {
    const packed = pack("0.2.0");
    expect(await bring({ source: packed.path })).toMatchObject({ version: "0.2.0" });
    note({ ...packed, sha256: "0".repeat(64) });
    await expect(bring({ source: packed.path })).rejects.toThrow(`does not have the SHA-256 ${"0".repeat(64)}`);
    const { sha256, integrity } = packed;
    for (const hashes of [{ sha256 }, { integrity }] satisfies Hashes[]) {
      expect(await bring({ source: packed.path, hashes })).toMatchObject({ sha256 });
    }
    const other = `sha512-${"A".repeat(86)}==`;
    await expect(bring({ source: packed.path, hashes: { integrity: other } })).rejects.toThrow(other);
  });

  it("behind a URL needs a hash, given or beside it", async () => {
    await using server = await serveShelf();
    const packed = pack("0.2.0");
    const source = `${server.url}/ktrdr-0.2.0.tgz`;
    await expect(bring({ source })).rejects.toThrow("Nothing says what the bytes of");
    expect(await bring({ source, hashes: { sha256: packed.sha256 } })).toMatchObject({ version: "0.2.0" });
    note(packed);
    expect(await bring({ source })).toMatchObject({ version: "0.2.0" });
  });

  it("is refused when it is damaged, another package, or another version than its name says", async () => {
    const packed = pack("0.2.0");
    const bytes = readFileSync(packed.path);
    for (const end of [bytes.length - 1, 20, 0]) {
      writeFileSync(packed.path, bytes.subarray(0, end));
      await expect(bring({ source: packed.path })).rejects.toThrow("is damaged, or no package of ktrdr");
    }
    const flipped = Buffer.from(bytes);
    flipped[bytes.length - 6] ^= 1;
    writeFileSync(packed.path, flipped);
    await expect(bring({ source: packed.path })).rejects.toThrow("is damaged");
    await expect(bring({ source: pack("0.3.0", "", "left-pad").path })).rejects.toThrow("no package of ktrdr");
    list(pack("0.4.0", "", "ktrdr", "0.1.0"));
    await expect(bring({})).rejects.toThrow("is said to be 0.4.0, but holds 0.1.0");
  });
});

describe("a release that could be changed on its way", () => {
  it.each(["http://ktrdr.example/releases", "http://ktrdr.example/k.tgz", "ftp://ktrdr.example/k.tgz"])(
    "is refused: %s",
    async (source) => {
      await expect(find({ source })).rejects.toThrow("could be changed on its way");
    },
  );

  it("is refused when a safe URL redirects to an unsafe one", async () => {
    list(pack("0.2.0"));
    const sums = readFileSync(join(shelf, "SHA256SUMS"));
    // This address is loopback too, but not one that is known to be safe.
    await using other = await serve((_request, response) => response.end(sums), "127.0.0.2");
    await using first = await serve((request, response) =>
      response.writeHead(302, { location: `${other.url}${request.url}` }).end(),
    );
    await expect(find({ source: first.url })).rejects.toThrow(
      `it leads on to ${other.url}/SHA256SUMS, which is not https`,
    );
  });

  it.each([{ sha256: "abc" }, { sha256: "A".repeat(64) }, { integrity: "sha1-abc" }])(
    "needs a hash, not %j",
    (hashes) => expect(find({ source: "http://ktrdr.example/k.tgz", hashes })).rejects.toThrow("is not"),
  );
});

describe.skipIf(findProgram("npm") === null)(
  "an npm registry, through npm itself (skipped where npm is missing)",
  () => {
    /** Serves the two things that npm asks a registry for: the package's document and its tarball. */
    async function registry(packed: readonly Packed[], spoil = false) {
      const requests: string[] = [];
      const server = await serve((request, response) => {
        requests.push(request.url ?? "");
        const origin = `http://${request.headers.host}`;
        if (request.url?.endsWith(".tgz")) {
          const bytes = readFileSync(join(shelf, basename(request.url)));
          if (spoil) bytes[bytes.length - 1] ^= 1;
          response.end(bytes);
          return;
        }
        if (request.url !== "/ktrdr") {
          response.writeHead(404).end("{}");
          return;
        }
        const versions = packed.map(({ path, integrity }) => {
          const version = basename(path).slice("ktrdr-".length, -".tgz".length);
          return [
            version,
            { name: "ktrdr", version, dist: { integrity, tarball: `${origin}/ktrdr/-/${basename(path)}` } },
          ];
        });
        const latest = versions.at(-1)?.[0];
        response.end(
          JSON.stringify({ name: "ktrdr", "dist-tags": { latest }, versions: Object.fromEntries(versions) }),
        );
      });
      const environment = {
        ...{ PATH: process.env.PATH, HOME: folder, npm_config_cache: join(folder, "npm-cache") },
        ...{ npm_config_registry: server.url, npm_config_fetch_retries: "0", npm_config_update_notifier: "false" },
      };
      return { ...server, requests, environment };
    }

    it("offers its latest and a requested version, with the integrity that it publishes", async () => {
      const packed = [pack("0.2.0"), pack("0.3.0")];
      await using npm = await registry(packed);
      const latest = await find({ source: null }, npm.environment);
      expect(latest).toMatchObject({ version: "0.3.0", hashes: { integrity: packed[1].integrity } });
      expect(await bring({ source: null, version: "0.2.0" }, npm.environment)).toMatchObject({
        ...{ version: "0.2.0", sha256: packed[0].sha256 },
      });
    });

    it("is not trusted when its bytes differ from the published integrity", async () => {
      await using npm = await registry([pack("0.2.0")], true);
      await expect(bring({ source: null }, npm.environment)).rejects.toThrow(/npm pack failed: EINTEGRITY/);
    });

    it("gives an error for a missing version, a missing package, and no answer", async () => {
      await using npm = await registry([pack("0.2.0")]);
      await expect(find({ source: null, version: "9.9.9" }, npm.environment)).rejects.toThrow(
        "There is no ktrdr@9.9.9",
      );
      await using empty = await serve((_request, response) => response.writeHead(404).end("{}"));
      const nothing = { ...npm.environment, npm_config_registry: empty.url };
      await expect(find({ source: null }, nothing)).rejects.toThrow("There is no ktrdr@latest in the npm registry");
      const closed = { ...npm.environment, npm_config_registry: "http://127.0.0.1:9" };
      await expect(find({ source: null }, closed)).rejects.toThrow(/npm view failed: .*ECONNREFUSED/s);
      await expect(find({ source: null, version: "--registry=x" }, closed)).rejects.toThrow("is no version");
    });
  },
);
