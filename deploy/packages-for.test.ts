import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Lock, lockFor, type Manifest, manifestFor, ROLES } from "./packages-for.ts";

const ROOT = join(import.meta.dirname, "..");
const LOCK = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")) as Lock;
const MANIFEST = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as Manifest;

describe("the part of the lock for a role", () => {
  it("has each package from the folder where Node would find it, with its own dependencies", () => {
    const lock: Lock = {
      lockfileVersion: 3,
      packages: {
        "": {},
        "node_modules/a": {
          version: "1.0.0",
          dev: true,
          dependencies: { b: "^1.0.0" },
          optionalDependencies: { c: "1" },
        },
        "node_modules/b": { version: "2.0.0" },
        "node_modules/a/node_modules/b": { version: "1.0.0", dependencies: { d: "1" } },
        "node_modules/d": {
          version: "1.0.0",
          peerDependencies: { e: "1", f: "1" },
          peerDependenciesMeta: { f: { optional: true } },
        },
        "node_modules/e": { version: "1.0.0" },
        "node_modules/f": { version: "1.0.0" },
      },
    };
    const { packages } = lockFor({ name: "x", version: "1.0.0", dependencies: { a: "1.0.0" } }, lock);
    expect(Object.keys(packages)).toEqual([
      "",
      "node_modules/a",
      "node_modules/a/node_modules/b",
      "node_modules/d",
      "node_modules/e",
    ]);
    expect(packages["node_modules/a"]).not.toHaveProperty("dev");
  });

  it("refuses a package that the lock file lacks", () => {
    const manifest = { dependencies: { "no-such-package": "1.0.0" } };
    expect(() => lockFor(manifest, LOCK)).toThrow("the lock file has no no-such-package, which ktrdr needs");
  });

  it.each(Object.keys(ROLES))("for %s is a part of the checkout's lock", (role) => {
    const { packages } = lockFor(manifestFor(ROLES[role], MANIFEST), LOCK);
    for (const name of ROLES[role]) expect(packages).toHaveProperty([`node_modules/${name}`, "version"]);
    for (const [place, { version, integrity }] of Object.entries(packages)) {
      if (place !== "") expect({ version, integrity }).toEqual(pick(LOCK.packages[place]));
    }
  });
});

describe("the packages of each role", () => {
  const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));

  it.each(Object.entries(ROLES))("%s has them in package.json, at its versions", (_role, names) => {
    const { dependencies, devDependencies } = manifestFor(names, manifest);
    expect(Object.keys(dependencies)).toEqual(names);
    expect(devDependencies).toEqual({});
  });

  it("refuse a package that is missing from package.json", () => {
    expect(() => manifestFor(["left-pad"], manifest)).toThrow("package.json has no left-pad");
  });

  it.each([
    ["worker", ["compute-node", "results", "protocol", "telemetry"]],
    ["control-plane", ["src", "durable-objects", "protocol", "telemetry", "client", "control-plane"]],
  ])("of %s are all that its code imports", (role, folders) => {
    const imported = new Set<string>();
    for (const each of folders) {
      for (const name of readdirSync(join(ROOT, each), { recursive: true, encoding: "utf8" })) {
        if (!/\.ts$/.test(name) || /test|golden|assembly|oracle|random/.test(name)) continue;
        const text = readFileSync(join(ROOT, each, name), "utf8");
        for (const [, found] of text.matchAll(/^(?:import|export) (?!type)[^;]*?from "((?:@[\w-]+\/)?[\w-]+)/gm))
          imported.add(found);
        for (const [, found] of text.matchAll(/\bimport\("((?:@[\w-]+\/)?[\w-]+)/g)) imported.add(found);
      }
    }
    const known = new Set([...ROLES[role], "node", "cloudflare", "webgpu"]);
    expect([...imported].filter((name) => !known.has(name))).toEqual([]);
  });
});

function pick({ version, integrity }: Lock["packages"][string]) {
  return { version, integrity };
}
