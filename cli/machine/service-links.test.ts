import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { WorkerType } from "../../protocol/workers.ts";
import { makeLink, missingLinks, type ServiceLink, throughLinks } from "./service-links.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ktrdr-links-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A package as npm installs it, beside a Node with its npm. */
function installed(version: string): { nodePath: string; packagePath: string } {
  const packagePath = join(folder, "npm", "ktrdr");
  const bin = join(folder, "usr", "bin");
  for (const path of [packagePath, bin]) mkdirSync(path, { recursive: true });
  writeFileSync(join(packagePath, "package.json"), JSON.stringify({ version }));
  for (const name of ["node", "npm"]) writeFileSync(join(bin, name), "");
  return { nodePath: join(bin, "node"), packagePath };
}

const root = (): string => join(folder, "root");
const missing = (version: string, type: WorkerType = "backtesting"): readonly ServiceLink[] =>
  missingLinks(root(), type, installed(version));
const make = (links: readonly ServiceLink[]): void => {
  for (const link of links) makeLink(root(), link);
};
const linked = (path: string): string => readlinkSync(`${root()}/opt/ktrdr/${path}`);

/** A release that an update brought. */
function release(version: string, type: WorkerType = "backtesting"): void {
  const name = `ktrdr-${version}`;
  mkdirSync(`${root()}/opt/ktrdr/releases/${name}`, { recursive: true });
  writeFileSync(`${root()}/opt/ktrdr/releases/${name}/package.json`, JSON.stringify({ version }));
  symlinkSync(`releases/${name}`, `${root()}/opt/ktrdr/${type}`);
}

describe("the links of the units", () => {
  it("lead to the installed package, its Node and npm, and are not made twice", () => {
    make(missing("1.0.0"));
    expect(linked("backtesting")).toBe(join(folder, "npm", "ktrdr"));
    expect(linked("node/bin/node")).toBe(join(folder, "usr", "bin", "node"));
    expect(linked("node/bin/npm")).toBe(join(folder, "usr", "bin", "npm"));
    expect(missing("1.0.0")).toEqual([]);
  });

  it("stay on a release that an update brought, unless the package is newer", () => {
    release("1.1.0");
    make(missing("1.0.0"));
    expect(linked("backtesting")).toBe("releases/ktrdr-1.1.0");
    make(missing("1.2.0"));
    expect(linked("backtesting")).toBe(join(folder, "npm", "ktrdr"));
  });

  it("are made for the machine's other types too, which share the unit; existing links of those stay", () => {
    mkdirSync(`${root()}/etc/ktrdr`, { recursive: true });
    for (const type of ["cpu_training", "gpu_host"]) writeFileSync(`${root()}/etc/ktrdr/${type}.yaml`, "");
    release("0.9.0", "gpu_host");
    make(missing("1.0.0"));
    expect(linked("cpu_training")).toBe(join(folder, "npm", "ktrdr"));
    expect(linked("gpu_host")).toBe("releases/ktrdr-0.9.0");
  });

  it("are renewed when their target is gone; a path that is no link stays", () => {
    mkdirSync(`${root()}/opt/ktrdr/node/bin`, { recursive: true });
    writeFileSync(`${root()}/opt/ktrdr/node/bin/node`, "Node's own release");
    symlinkSync("../lib/npm-cli.js", `${root()}/opt/ktrdr/node/bin/npm`);
    symlinkSync("/gone", `${root()}/opt/ktrdr/backtesting`);
    make(missing("1.0.0"));
    expect(readFileSync(`${root()}/opt/ktrdr/node/bin/node`, "utf8")).toBe("Node's own release");
    expect(linked("node/bin/npm")).toBe("../lib/npm-cli.js");
    expect(existsSync(`${root()}/opt/ktrdr/backtesting/package.json`)).toBe(true);
  });

  it("leave alone a Node whose whole folder is a link, since links in it belong to the system", () => {
    const { nodePath } = installed("1.0.0");
    mkdirSync(join(folder, "system", "bin"), { recursive: true });
    symlinkSync("/etc/alternatives/node", join(folder, "system", "bin", "node"));
    mkdirSync(`${root()}/opt/ktrdr`, { recursive: true });
    symlinkSync(join(folder, "system"), `${root()}/opt/ktrdr/node`);
    make(missing("1.0.0"));
    expect(readlinkSync(join(folder, "system", "bin", "node"))).toBe("/etc/alternatives/node");
    expect(existsSync(nodePath)).toBe(true);
  });

  it("are followed before they are made", () => {
    const links = [{ path: "/opt/ktrdr/backtesting", target: "/usr/lib/node_modules/ktrdr" }];
    expect(throughLinks("/opt/ktrdr/backtesting/compute-node/main.js", links)).toBe(
      "/usr/lib/node_modules/ktrdr/compute-node/main.js",
    );
    expect(throughLinks("/opt/ktrdr/backtesting-2/main.js", links)).toBe("/opt/ktrdr/backtesting-2/main.js");
  });
});
