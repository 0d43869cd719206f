import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { installationCure, isInstalled } from "./installed-package.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ktrdr-installed-"));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A package of ours with one optional package, in a folder of that name. */
function installedIn(path: string): string {
  const root = join(folder, path);
  mkdirSync(root, { recursive: true });
  const manifest = { version: "1.2.3", dependencies: { zod: "4.0.0" }, peerDependencies: { miniflare: "5.0.0" } };
  writeFileSync(join(root, "package.json"), JSON.stringify(manifest));
  return root;
}

it("a package is found, or it is not", () => {
  expect(isInstalled("zod")).toBe(true);
  expect(isInstalled("@ktrdr/there-is-no-such-package")).toBe(false);
});

describe("the cure for a missing package", () => {
  it("names the checkout that this is", () => {
    expect(installationCure("miniflare")).toBe(`Run \`npm ci\` in ${join(import.meta.dirname, "..")}.`);
  });

  it("goes beside a package in npm's global folder, and names a folder that is not npm's own choice", () => {
    const root = installedIn("lib/node_modules/ktrdr");
    expect(installationCure("miniflare", root)).toBe(
      `Run \`npm install --global --prefix ${folder} miniflare@5.0.0\`.`,
    );
  });

  it("goes into the project that ktrdr is a package of", () => {
    const root = installedIn("project/node_modules/ktrdr");
    writeFileSync(join(folder, "project", "package.json"), "{}");
    expect(installationCure("miniflare", root)).toBe(
      `Run \`npm install --prefix ${join(folder, "project")} miniflare@5.0.0\`.`,
    );
  });

  it("goes into a package that was only unpacked", () => {
    const root = installedIn("releases/ktrdr-1.2.3");
    expect(installationCure("miniflare", root)).toBe(`Run \`npm install --no-save --prefix ${root} miniflare@5.0.0\`.`);
  });

  it("is the package itself for what always comes with it", () => {
    expect(installationCure("zod", installedIn("lib/node_modules/ktrdr"))).toBe(
      "Install ktrdr 1.2.3 again: zod comes with it.",
    );
  });
});
