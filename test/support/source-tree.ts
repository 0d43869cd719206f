/**
 * The tracked TypeScript files, what each imports and exports, read by patterns instead of a parser: the formatter puts every
 * declaration and every `import` at the start of a line, and a thousand files take less than a second.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";

interface Import {
  /** The imported file, from the project's root; packages are left out. */
  readonly file: string;
  /** As the exporting file names them; `*` for all of them. */
  readonly names: readonly string[];
  readonly line: number;
  /** `await import()`: loaded when it is needed. */
  readonly isLazy: boolean;
  /** `import type`, or a type named by `import()`: gone when it runs. */
  readonly isType: boolean;
  /** `export … from`: passed on. */
  readonly isReExport: boolean;
}

interface Export {
  readonly name: string;
  readonly line: number;
  readonly isType: boolean;
  /** Where it is passed on from, with its name there; null where it is declared. */
  readonly from: { readonly file: string; readonly name: string } | null;
}

interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
  readonly exports: readonly Export[];
}

export const ROOT = join(import.meta.dirname, "..", "..");

/** Every path that git tracks and that is there. */
export function trackedFiles(): string[] {
  const listed = execFileSync("git", ["ls-files", "-z", "--cached"], {
    cwd: ROOT,
    encoding: "utf8",
    maxBuffer: 2 ** 26,
  });
  return listed.split("\0").filter((path) => path !== "" && existsSync(join(ROOT, path)));
}

/** The TypeScript and JavaScript among them, by path. */
export function sourceFiles(paths: readonly string[] = trackedFiles()): Map<string, SourceFile> {
  const sources = paths.filter((path) => /\.[jt]s$/.test(path));
  return new Map(sources.map((path) => [path, readSource(path, readFileSync(join(ROOT, path), "utf8"))]));
}

function readSource(path: string, text: string): SourceFile {
  const code = withoutComments(text);
  // JavaScript has its types in comments.
  const types = path.endsWith(".js") ? typesInComments(path, text) : [];
  return { path, text, imports: [...importsOf(path, code), ...types], exports: exportsOf(path, code) };
}

/** Comments become blanks, so that places stay. A comment that a text holds is taken for one; no import stands in a text. */
function withoutComments(text: string): string {
  const blank = (comment: string) => comment.replace(/[^\n]/g, " ");
  return text.replace(/^[ \t]*\/\*[\s\S]*?\*\//gm, blank).replace(/(^|\s)\/\/.*$/gm, blank);
}

const STATIC =
  /^(import|export)\s+(type\s+)?(?:([\w$]+)\s*,?\s*)?(?:\{([^}]*)\}|(\*)(?:\s+as\s+[\w$]+)?)?\s*from\s+"([^"]+)"/gm;
const BARE = /^import\s+"([^"]+)"/gm;
const DYNAMIC = /(?:(?:const|let)\s+\{([^}]*)\}\s*=\s*)?(await\s+)?\bimport\(\s*"([^"]+)"\s*\)(?:\)?\.([\w$]+))?/g;

function importsOf(path: string, code: string): Import[] {
  const found: Import[] = [];
  const add = (at: number, specifier: string, rest: Omit<Import, "file" | "line">): void => {
    const file = resolved(path, specifier);
    if (file !== null) found.push({ file, line: lineAt(code, at), ...rest });
  };
  for (const match of code.matchAll(STATIC)) {
    const [, word, type, byDefault, names, all, specifier] = match;
    add(match.index, specifier, {
      names: [
        ...(byDefault === undefined ? [] : ["default"]),
        ...(all === undefined ? [] : ["*"]),
        ...namesOf(names ?? "").map(({ from }) => from),
      ],
      ...{ isLazy: false, isType: type !== undefined, isReExport: word === "export" },
    });
  }
  for (const match of code.matchAll(BARE))
    add(match.index, match[1], { names: [], isLazy: false, isType: false, isReExport: false });
  for (const match of code.matchAll(DYNAMIC)) {
    const [, destructured, awaited, specifier, member] = match;
    const one = member === undefined || member === "then" ? ["*"] : [member];
    add(match.index, specifier, {
      names: destructured === undefined ? one : destructured.split(",").map((name) => name.split(":")[0].trim()),
      ...{
        isLazy: true,
        isType: awaited === undefined && member !== undefined && member !== "then",
        isReExport: false,
      },
    });
  }
  return found;
}

/** `@typedef {import("./a.ts").A} A` */
function typesInComments(path: string, text: string): Import[] {
  const named = [...text.matchAll(/\{(?:\w+<)?import\("([^"]+)"\)\.([\w$]+)/g)];
  return named.flatMap(({ index, 1: specifier, 2: name }) => {
    const file = resolved(path, specifier);
    const kind = { isLazy: false, isType: true, isReExport: false };
    return file === null ? [] : [{ file, names: [name], line: lineAt(text, index), ...kind }];
  });
}

const DECLARED =
  /^export\s+(?:declare\s+)?(?:(default)\b|(?:async\s+)?(?:abstract\s+)?(const|let|function\*?|class|interface|type|enum)\s+([\w$]+)|(?:const|let)\s+[{[])/gm;
const LISTED = /^export\s+(type\s+)?\{([^}]*)\}(?:\s*from\s+"([^"]+)")?/gm;
const PASSED_ON = /^export\s+(type\s+)?\*\s+from\s+"([^"]+)"/gm;

function exportsOf(path: string, code: string): Export[] {
  const found: Export[] = [];
  for (const match of code.matchAll(DECLARED)) {
    const [, byDefault, kind, name] = match;
    if (byDefault === undefined && name === undefined) continue;
    const isType = kind === "interface" || kind === "type";
    found.push({ name: name ?? "default", line: lineAt(code, match.index), isType, from: null });
  }
  for (const match of code.matchAll(LISTED)) {
    const [, type, names, specifier] = match;
    const file = specifier === undefined ? null : resolved(path, specifier);
    for (const { from, name, isType } of namesOf(names)) {
      const origin = file === null ? null : { file, name: from };
      found.push({ name, line: lineAt(code, match.index), isType: isType || type !== undefined, from: origin });
    }
  }
  for (const match of code.matchAll(PASSED_ON)) {
    const file = resolved(path, match[2]);
    if (file !== null)
      found.push({ name: "*", line: lineAt(code, match.index), isType: false, from: { file, name: "*" } });
  }
  return found;
}

/** `a, type B, c as d` */
function namesOf(list: string): { from: string; name: string; isType: boolean }[] {
  return list
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map((part) => {
      const isType = /^type\s/.test(part);
      const [from, name = from] = part.replace(/^type\s+/, "").split(/\s+as\s+/);
      return { from, name, isType };
    });
}

function resolved(path: string, specifier: string): string | null {
  if (!specifier.startsWith(".")) return null;
  return posix.join(dirname(path), specifier);
}

function lineAt(code: string, index: number): number {
  let line = 1;
  for (let at = code.indexOf("\n"); at !== -1 && at < index; at = code.indexOf("\n", at + 1)) line++;
  return line;
}

/** A name that no file imports. */
interface UnusedExport extends Export {
  readonly path: string;
}

/** Exports for a runtime or a user: nobody in the project imports them. */
const TAKEN_BY_NAME = [
  // wrangler.toml names it, and its classes.
  "src/index.ts",
  // package.json exports it.
  "compute-node/backtest/script/api.ts",
  // Read as text, for the browser.
  "test/browser/count-pixels.js",
  // WebAssembly's exports.
  "compute-node/training/kernels/assembly/",
];

/** By path. Default exports are left out, since tools take them: a configuration's, a strategy's. */
export function unusedExports(files: ReadonlyMap<string, SourceFile>): UnusedExport[] {
  const used = new Map<string, Set<string>>();
  const use = (path: string, name: string): void => {
    const names = used.get(path) ?? new Set();
    used.set(path, names);
    if (names.has(name)) return;
    names.add(name);
    for (const { name: exported, from } of files.get(path)?.exports ?? []) {
      if (from !== null && exported === "*") use(from.file, name);
      else if (from !== null && (name === "*" || exported === name)) use(from.file, from.name);
    }
  };
  for (const { imports } of files.values()) {
    for (const { file, names, isReExport } of imports) if (!isReExport) for (const name of names) use(file, name);
  }
  const isTaken = (path: string) => TAKEN_BY_NAME.some((taken) => path.startsWith(taken));
  for (const path of files.keys()) if (isTaken(path)) use(path, "*");
  return [...files.values()].flatMap(({ path, exports }) =>
    exports
      .filter(
        ({ name }) => name !== "*" && name !== "default" && !used.get(path)?.has(name) && !used.get(path)?.has("*"),
      )
      .map((each) => ({ ...each, path })),
  );
}

/** The groups of files that reach themselves by imports (Tarjan, 1972); the paths of each in order. */
export function circles(files: ReadonlyMap<string, SourceFile>): string[][] {
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const open: string[] = [];
  const found: string[][] = [];
  const visit = (path: string): number => {
    const number = order.size;
    order.set(path, number);
    lowest.set(path, number);
    open.push(path);
    for (const { file } of files.get(path)?.imports ?? []) {
      if (!files.has(file) || file === path) continue;
      const reached = order.has(file) ? (open.includes(file) ? order.get(file) : undefined) : visit(file);
      lowest.set(path, Math.min(lowest.get(path) ?? number, reached ?? number));
    }
    const low = lowest.get(path) ?? number;
    if (low === number) {
      const circle = open.splice(open.indexOf(path));
      if (circle.length > 1) found.push(circle.sort());
    }
    return low;
  };
  for (const path of files.keys()) if (!order.has(path)) visit(path);
  return found;
}
