/** Checks the contents of the package, and that each build gives the same package. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { transform } from "esbuild";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { readTar } from "../../control-plane/tar.ts";
import { type Files, packArchive } from "./archive.ts";
import { packageFiles } from "./build.ts";
import { faultsOf } from "./check.ts";
import { PROGRAMS, packageName } from "./contents.ts";

const ROOT = join(import.meta.dirname, "..", "..");

let files: Files;
beforeAll(async () => {
  files = await packageFiles();
});

const textOf = (path: string): string => Buffer.from(files.get(path) ?? []).toString("utf8");
const json = (path: string): Record<string, Record<string, unknown>> => JSON.parse(textOf(path));
const filesOf = (texts: Record<string, string>): Files =>
  new Map(Object.entries(texts).map(([path, text]) => [path, Buffer.from(text)]));

describe("the package", () => {
  it("has each program and each thread, as JavaScript with the lines of its source", () => {
    const threads = ["compute-node/agent/job-thread.ts", "compute-node/training/cpu/session-thread.ts"];
    for (const path of [...PROGRAMS, ...threads]) {
      const source = readFileSync(join(ROOT, path), "utf8");
      const code = textOf(path.replace(/\.ts$/, ".js"));
      expect(
        code.split("\n").map((line) => line.length),
        path,
      ).toEqual(source.split("\n").map((line) => line.length));
    }
  });

  it("has the files that its programs read: kernels, the sandbox, the report's page, units, examples, the Worker", () => {
    expect([...files.keys()]).toEqual(
      expect.arrayContaining([
        ...["compute-node/training/kernels/build/exact.wasm", "compute-node/training/kernels/build/fast.wasm"],
        ...["compute-node/sandbox/sandbox-prelude.js", "cli/report/page/page.css", "cli/report/page/main.js"],
        ...["deploy/systemd/ktrdr-worker@.service", "deploy/config/workers.prod.yaml", "control-plane/worker.js"],
        ...["examples/strategies/sma-cross.ts", "schemas/strategy-v3.schema.json", "README.md"],
      ]),
    );
    expect(textOf("control-plane/worker.js")).toMatch(/export \{[^}]*\bWorkerRegistry\b/);
    expect(textOf("control-plane/worker-licences.txt")).toMatch(/^hono\n\nMIT License[\s\S]+^zod\n\nMIT License/m);
    expect(textOf("deploy/systemd/ktrdr-worker@.service")).toContain("/compute-node/main.js --config");
  });

  it("has no tests, and no files that only tests use", () => {
    const odd = [...files.keys()].filter((path) =>
      /\.test\.|\/testing\/|\/golden\/|\/reference\/|assembly\//.test(path),
    );
    expect(odd).toEqual([]);
  });

  it("installs the versions of the lock file, and the large packages only on request", () => {
    const manifest = json("package.json");
    const lock = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")).packages;
    const { packages } = json("npm-shrinkwrap.json") as { packages: Record<string, { integrity?: string }> };
    expect(packages[""]).toMatchObject({ dependencies: manifest.dependencies });
    for (const [place, entry] of Object.entries(packages).filter(([place]) => place !== "")) {
      expect(entry.integrity, place).toBe(lock[place].integrity);
    }
    for (const name of ["miniflare", "webgpu", "vega-datasets"]) {
      expect(manifest.peerDependenciesMeta[name]).toEqual({ optional: true });
      expect(packages[`node_modules/${name}`]).toBeUndefined();
      expect(json("deploy/packages-lock.json").packages[`node_modules/${name}`]).toMatchObject({
        integrity: lock[`node_modules/${name}`].integrity,
      });
    }
    expect(packages["node_modules/hono"]).toBeUndefined();
  });

  it("has a launcher that Node 12 can read", async () => {
    const launcher = textOf("cli/ktrdr.js");
    await expect(transform(launcher, { target: "node12.22", format: "esm" })).resolves.toMatchObject({ warnings: [] });
    expect(launcher).not.toMatch(/^import /m);
    expect(launcher).toContain('import("./main.js")');
  });

  it("has the same bytes each time", async () => {
    const archive = await packArchive(files);
    expect(Buffer.from(await packArchive(await packageFiles())).equals(archive)).toBe(true);
    expect(archive.byteLength).toBeLessThan(2e6);
  });
});

describe("the check of a package", () => {
  it("accepts one that is whole", async () => {
    const whole = filesOf({
      "a.js": 'import { b } from "./b.js"; import "zod"; b();',
      "b.js": "export const b = () => {};",
    });
    expect(await faultsOf(whole, ["a.js", "b.js"])).toEqual([]);
  });

  it("names the place of each reference that leads out of the package", async () => {
    const broken = filesOf({
      "cli/a.js": 'import { b } from "../b.js";\nconst lazy = () => import("./c.js");\nexport { b, lazy };',
      "cli/d.js": '// d.ts\nconst program = ["x", "thread.ts"];\nexport default program;',
      "cli/e.js": 'export const url = new URL("./e.css", import.meta.url);',
    });
    const faults = await faultsOf(broken, ["cli/a.js", "cli/d.js", "cli/e.js"]);
    expect(faults).toEqual([
      'cli/a.js:1: "../b.js" is not in the package',
      'cli/a.js:2: "./c.js" is not in the package',
      'cli/d.js:2: "thread.ts" is the name of a source, which is not in the package',
      "cli/e.js: it opens cli/e.css, which is not in the package",
    ]);
  });
});

describe("the archive", () => {
  it("unpacks to its input, for any files in any order", async () => {
    const name = fc.stringMatching(/^[a-z]{1,20}(\/[a-z]{1,20}){0,4}\.js$/);
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.tuple(name, fc.uint8Array()), { selector: ([path]) => path }),
        async (entries) => {
          const archive = await packArchive(new Map(entries));
          expect(Buffer.from(await packArchive(new Map(entries.toReversed()))).equals(archive)).toBe(true);
          const unpacked = new Map<string, Buffer>();
          for await (const { path, content } of readTar(once(gunzipSync(archive)))) {
            const parts: Uint8Array[] = [];
            for await (const part of content) parts.push(part);
            unpacked.set(path, Buffer.concat(parts));
          }
          expect([...unpacked.keys()]).toEqual(entries.map(([path]) => `package/${path}`).sort());
          for (const [path, bytes] of entries) expect(unpacked.get(`package/${path}`)?.equals(bytes)).toBe(true);
        },
      ),
      { numRuns: 50 },
    );
  });
});

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

it.each([
  ["zod", "zod"],
  ["hyparquet-writer/src/metadata.js", "hyparquet-writer"],
  ["@observablehq/sample-datasets/aapl.csv", "@observablehq/sample-datasets"],
])("%s is of the package %s", (specifier, name) => {
  expect(packageName(specifier)).toBe(name);
});
