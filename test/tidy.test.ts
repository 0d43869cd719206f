/** The house is in order: nothing stands outside what is tested and checked. */
import { readFileSync } from "node:fs";
import { dirname, join, matchesGlob, posix } from "node:path";
import { describe, expect, it } from "vitest";
import vitestConfig from "../vitest.config.ts";
import { KINDS } from "./support/kinds.ts";
import { ARROWS, FOR_ALL, INNER_ARROWS, isForTests, ONLOOKERS, roomOf } from "./support/rooms.ts";
import { circles, ROOT, sourceFiles, trackedFiles, unusedExports } from "./support/source-tree.ts";
import workerConfig from "./worker/vitest.config.ts";

const TRACKED = trackedFiles();
const SOURCES = sourceFiles(TRACKED);

/** Imports that are out of order on purpose, with the reason. A line that is no longer needed fails. */
const ALLOWED_IMPORTS: Readonly<Record<string, string>> = {
  "deploy/cloudflare/preview-check.ts -> deploy/testing/fake-cloudflare.ts":
    "`make deploy-check` is a test without a runner",
};
const ALLOWED_CIRCLES: Readonly<Record<string, string>> = {
  "test/simulation": "the world and its parts know each other by type",
};
/** Files that are doors beside their room's `index.ts`, which would load all of the room. */
const SIDE_DOORS: Readonly<Record<string, string>> = {
  "compute-node/agent/download.ts": "a transfer needs no node",
  "compute-node/agent/upload.ts": "a transfer needs no node",
  "compute-node/strategy/closest-name.ts": "a suggestion needs no compiler",
};
const MOST_EXCEPTIONS = 15;

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

interface CompilerConfig {
  readonly files?: readonly string[];
  readonly include: readonly string[];
  readonly exclude?: readonly string[];
  readonly references?: readonly { readonly path: string }[];
}

const CONFIGS = TRACKED.filter((path) => /(^|\/)tsconfig[\w.]*\.json$/.test(path));

/** Comments on lines of their own are the only ones. */
function compilerConfig(path: string): CompilerConfig {
  return JSON.parse(readFileSync(join(ROOT, path), "utf8").replace(/^\s*\/\/.*$/gm, "")) as CompilerConfig;
}

/** The files that a tsconfig names, without those that come in by an import. */
function checkedBy(config: string): string[] {
  const { files = [], include, exclude = [] } = compilerConfig(config);
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

describe("tests and types", () => {
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
    const checked = new Set(CONFIGS.flatMap(checkedBy));
    const unchecked = TRACKED.filter((path) => path.endsWith(".ts") && !checked.has(path));
    expect(unchecked.filter((path) => !path.startsWith(ASSEMBLY))).toEqual([]);
    expect(unchecked.filter((path) => path.startsWith(ASSEMBLY))).not.toEqual([]);
  });

  it("runs every tsconfig in `make quality`", () => {
    const makefile = readFileSync(join(ROOT, "Makefile"), "utf8");
    const named = [...makefile.matchAll(/\btsc -[pb] (\S+)/g)].map(([, name]) =>
      name.endsWith(".json") ? name : `${name}/tsconfig.json`,
    );
    const withReferences = (path: string): string[] => [
      path,
      ...(compilerConfig(path).references ?? []).flatMap((other) =>
        withReferences(posix.join(dirname(path), other.path)),
      ),
    ];
    const run = named.flatMap(withReferences);
    expect(CONFIGS.filter((path) => !run.includes(path))).toEqual([]);
  });
});

/** `from -> to`, for what an import may not do. */
function forbidden(isAllowed: (from: string, to: string) => boolean): string[] {
  return [...SOURCES.values()].flatMap(({ path, imports }) =>
    imports
      .filter(({ file }) => !FOR_ALL.includes(file) && !isAllowed(path, file))
      .map(({ file }) => `${path} -> ${file}`),
  );
}

const without = (list: readonly string[], allowed: Readonly<Record<string, string>>): string[] =>
  [...new Set(list)].filter((line) => !Object.hasOwn(allowed, line));

describe("who imports whom", () => {
  it("gives every folder with code a room in the table of arrows", () => {
    const rooms = new Set([...SOURCES.keys()].filter((path) => !isForTests(path)).map(roomOf));
    const unknown = [...rooms].filter((room) => !Object.hasOwn(ARROWS, room) && !ONLOOKERS.includes(room));
    // Programs for users to copy.
    expect(unknown.filter((room) => room !== "examples")).toEqual([]);
  });

  it("imports along the arrows between rooms", () => {
    const found = forbidden((from, to) => {
      const [room, other] = [roomOf(from), roomOf(to)];
      return isForTests(from) || ONLOOKERS.includes(room) || room === other || (ARROWS[room] ?? []).includes(other);
    });
    expect(without(found, ALLOWED_IMPORTS)).toEqual([]);
  });

  it("draws arrows between rooms in one direction", () => {
    const below = (room: string, seen: readonly string[] = []): string[] =>
      (ARROWS[room] ?? []).flatMap((next) => (seen.includes(next) ? [next] : [next, ...below(next, [...seen, next])]));
    expect(Object.keys(ARROWS).filter((room) => below(room).includes(room))).toEqual([]);
  });

  it("imports along the arrows within rooms", () => {
    const folderOf = (path: string) => Object.keys(INNER_ARROWS).find((folder) => path.startsWith(`${folder}/`));
    const found = forbidden((from, to) => {
      const folder = folderOf(from);
      if (folder === undefined || isForTests(from) || roomOf(from) !== roomOf(to)) return true;
      return [folder, ...INNER_ARROWS[folder]].some((allowed) => to === allowed || to.startsWith(`${allowed}/`));
    });
    expect(without(found, ALLOWED_IMPORTS)).toEqual([]);
  });

  it("takes values of the compute node's rooms through their doors", () => {
    const past = [...SOURCES.values()].flatMap(({ path, imports }) => {
      const isOutside = !path.startsWith("compute-node/") && !isForTests(path) && !ONLOOKERS.includes(roomOf(path));
      // A lazy import may name the one file that it needs.
      const values = isOutside ? imports.filter(({ isType, isLazy }) => !isType && !isLazy) : [];
      return values
        .map(({ file }) => ({ file, door: `${roomOf(file)}/index.ts` }))
        .filter(({ file, door }) => file.startsWith("compute-node/") && SOURCES.has(door) && file !== door)
        .map(({ file }) => ({ from: path, file }));
    });
    expect(past.filter(({ file }) => !Object.hasOwn(SIDE_DOORS, file))).toEqual([]);
    expect(Object.keys(SIDE_DOORS).filter((door) => !past.some(({ file }) => file === door))).toEqual([]);
  });

  it("keeps what is for tests out of products", () => {
    const found = forbidden((from, to) => isForTests(from) || ONLOOKERS.includes(roomOf(from)) || !isForTests(to));
    expect(without(found, ALLOWED_IMPORTS)).toEqual([]);
    expect(Object.keys(ALLOWED_IMPORTS).filter((line) => !found.includes(line))).toEqual([]);
  });

  it("has no circles, types and lazy imports included", () => {
    const folders = circles(SOURCES).map((circle) => {
      const folder = dirname(circle[0]);
      return circle.every((path) => path.startsWith(folder)) ? folder : circle.join(" ");
    });
    expect(without(folders, ALLOWED_CIRCLES)).toEqual([]);
    expect(Object.keys(ALLOWED_CIRCLES).filter((folder) => !folders.includes(folder))).toEqual([]);
  });

  it("lets biome look for circles everywhere else", () => {
    const { overrides } = JSON.parse(readFileSync(join(ROOT, "biome.json"), "utf8")) as {
      overrides: { includes: string[]; linter: { rules: Record<string, Record<string, unknown>> } }[];
    };
    const skipped = overrides.filter(({ linter }) => linter.rules.suspicious?.noImportCycles === "off");
    const folders = skipped.flatMap(({ includes }) => includes.map((glob) => glob.replace("/**", "")));
    expect(folders).toEqual(Object.keys(ALLOWED_CIRCLES));
  });
});

describe("exports and declarations", () => {
  it("exports nothing that nobody imports", () => {
    const unused = unusedExports(SOURCES);
    expect(unused.map(({ path, line, name }) => `${path}:${line} ${name}`)).toEqual([]);
  });
});

describe("exceptions", () => {
  const ignoring = [...SOURCES.values()].flatMap(({ path, text }) =>
    [...text.matchAll(/biome-ignore(?:-all)? lint\/[\w/]*(noExcessiveLines\w+|noImportCycles): .+/g)].map(
      ([, rule]) => ({
        path,
        rule,
        lines: text.trimEnd().split("\n").length,
      }),
    ),
  );

  it("are at most fifteen", () => {
    const lists = [ALLOWED_IMPORTS, ALLOWED_CIRCLES, SIDE_DOORS].flatMap(Object.keys);
    expect(lists.length + ignoring.length).toBeLessThanOrEqual(MOST_EXCEPTIONS);
  });

  it("from the length of a file are for files that are too long", () => {
    const short = ignoring.filter(({ rule, lines }) => rule === "noExcessiveLinesPerFile" && lines <= 500);
    expect(short.map(({ path }) => path)).toEqual([]);
  });
});

describe("plain English", () => {
  const AWKWARD: Readonly<Record<string, RegExp>> = {
    'a comment that opens with "Of" or "What"': /(\/\*\*|\/\/|^\s*\*) (Of|What) [a-z]/,
    '"in place of" instead of "instead of"': /\bin (the )?place of\b/,
    'a test title that opens with "of" or "what"': /\b(it|describe|test)(\.\w+)*\("(of|what) /i,
  };

  it.each(Object.entries(AWKWARD))("has no %s", (_, pattern) => {
    const found = [...SOURCES.values()]
      // This file names them.
      .filter(
        ({ path }) =>
          !path.startsWith(ASSEMBLY) && !path.startsWith("test/house/strategies/") && path !== "test/tidy.test.ts",
      )
      .flatMap(({ path, text }) =>
        text.split("\n").flatMap((line, at) => (pattern.test(line) ? [`${path}:${at + 1}`] : [])),
      );
    expect(found).toEqual([]);
  });
});
