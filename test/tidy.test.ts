/** The house is in order: nothing stands outside what is tested and checked. */
import { readFileSync } from "node:fs";
import { dirname, join, matchesGlob, posix } from "node:path";
import { describe, expect, it } from "vitest";
import vitestConfig from "../vitest.config.ts";
import { KINDS } from "./support/kinds.ts";
import { ROOT, trackedFiles } from "./support/source-tree.ts";
import workerConfig from "./worker/vitest.config.ts";

const TRACKED = trackedFiles();

/** AssemblyScript: another language in the same spelling, checked by its own compiler in compute-node/training/kernels/build.ts. */
const ASSEMBLY = "compute-node/training/kernels/assembly/";

/** Each project's name and the files that it collects. */
function collectedBy(): Map<string, string[]> {
  const { projects = [] } = (vitestConfig as { test?: { projects?: readonly unknown[] } }).test ?? {};
  const collected = new Map<string, string[]>();
  for (const project of projects) {
    const folder = typeof project === "string" ? dirname(posix.join(".", project)) : ".";
    const { name, include, exclude } = (typeof project === "string" ? workerConfig : (project as typeof workerConfig))
      .test as { name: string; include: string[]; exclude?: string[] };
    const matchesOne = (path: string, globs: readonly string[] = []) =>
      globs.some((glob) => matchesGlob(path, posix.join(folder, glob)));
    collected.set(
      name,
      TRACKED.filter((path) => matchesOne(path, include) && !matchesOne(path, exclude)),
    );
  }
  return collected;
}

/** The files that a tsconfig names, without those that come in by an import. */
function checkedBy(config: string): string[] {
  const {
    files = [],
    include,
    exclude = [],
  } = JSON.parse(readFileSync(join(ROOT, config), "utf8")) as {
    files?: string[];
    include: string[];
    exclude?: string[];
  };
  const globOf = (entry: string): string => {
    const path = posix.join(dirname(config), entry);
    return /[*.]/.test(posix.basename(path)) ? path : `${path}/**`;
  };
  const [included, excluded] = [include.map(globOf), exclude.map(globOf)];
  const isChecked = (path: string) =>
    files.includes(path) ||
    (included.some((glob) => matchesGlob(path, glob)) && !excluded.some((glob) => matchesGlob(path, glob)));
  return TRACKED.filter(isChecked);
}

describe("what is tested and checked", () => {
  it("collects every test file in one vitest project", () => {
    const collected = [...collectedBy().values()].flat();
    const tests = TRACKED.filter((path) => /\.test\.[cm]?[jt]s$/.test(path));
    expect(tests.length).toBeGreaterThan(200);
    expect(tests.filter((path) => !collected.includes(path))).toEqual([]);
    expect(collected.filter((path, at) => collected.indexOf(path) !== at)).toEqual([]);
  });

  it("runs every vitest project in `make test`", () => {
    expect([...collectedBy().keys()].toSorted()).toEqual(KINDS.toSorted());
    const makefile = readFileSync(join(ROOT, "Makefile"), "utf8");
    for (const kind of KINDS) expect(makefile).toMatch(new RegExp(`^test-${kind}:.*\n.* --project ${kind} `, "m"));
  });

  it("checks the types of every TypeScript file", () => {
    const configs = TRACKED.filter((path) => /(^|\/)tsconfig[\w.]*\.json$/.test(path));
    const checked = new Set(configs.flatMap(checkedBy));
    const unchecked = TRACKED.filter((path) => path.endsWith(".ts") && !checked.has(path));
    expect(unchecked.filter((path) => !path.startsWith(ASSEMBLY))).toEqual([]);
    expect(unchecked.filter((path) => path.startsWith(ASSEMBLY))).not.toEqual([]);
  });

  it("runs every tsconfig in `make quality`", () => {
    const makefile = readFileSync(join(ROOT, "Makefile"), "utf8");
    const configs = TRACKED.filter((path) => /(^|\/)tsconfig[\w.]*\.json$/.test(path));
    const isRun = (path: string) =>
      [path, dirname(path)].some((name) => makefile.split(/\s+/).includes(name) && makefile.includes(`tsc -p ${name}`));
    expect(configs.filter((path) => !isRun(path))).toEqual([]);
  });
});
