/**
 * Bundles a strategy in TypeScript and all its imports into one module that any node can run. Refuses imports that nodes
 * lack, with the line of each.
 */
import { isBuiltin } from "node:module";
import { basename, dirname, join, resolve } from "node:path";
import type { BuildFailure, BuildOptions, Message, Plugin } from "esbuild";
import { installationCure } from "../../compute-node/installed-package.ts";
import { Problem, type ProblemIssue } from "../../protocol/problem.ts";

export interface Bundle {
  /** A CommonJS module, minified; its `default` is the strategy. */
  readonly source: string;
  /** Version 3, JSON, without the text of the sources. */
  readonly sourceMap: string;
  readonly warnings: readonly ProblemIssue[];
}

/** True for a file name of a strategy in code. */
export function isScriptFile(file: string): boolean {
  return /\.[cm]?[jt]s$/i.test(file);
}

const HOST_MODULE = "export const defineStrategy = (strategy) => strategy;";
const NO_BUILTIN = "a strategy has no files, no network and no processes: it sees prices and its parameters alone";

/** Replaces `ktrdr/strategy` by one line of code. Refuses Node modules and `import()` where they are imported. */
const hostModules: Plugin = {
  name: "ktrdr",
  setup(build) {
    build.onResolve({ filter: /^ktrdr(\/strategy)?$/ }, () => ({ path: "ktrdr/strategy", namespace: "ktrdr" }));
    build.onLoad({ filter: /.*/, namespace: "ktrdr" }, () => ({ contents: HOST_MODULE }));
    build.onResolve({ filter: /^[a-z]/ }, ({ path, kind }) => {
      if (kind === "entry-point" || !isBuiltin(path)) return undefined;
      return { errors: [{ text: `"${path}" is a part of Node: ${NO_BUILTIN}` }] };
    });
    build.onResolve({ filter: /./ }, ({ kind }) => {
      if (kind !== "dynamic-import") return undefined;
      return { errors: [{ text: "import() is not available to a strategy; import at the top of the file" }] };
    });
  },
};

/**
 * Bundles the file. Types are not checked: `ktrdr strategy validate` does that.
 *
 * @throws Problem `invalid-strategy` with file, line and column of each fault; `not-found` for a file that is not there
 */
export async function bundleStrategy(file: string): Promise<Bundle> {
  const { build, stop } = await loadEsbuild();
  try {
    const { outputFiles, warnings } = await build(optionsFor(file));
    const textOf = (ending: string): string => outputFiles.find(({ path }) => path.endsWith(ending))?.text ?? "";
    return {
      source: textOf(".js").trimEnd(),
      sourceMap: textOf(".map").trimEnd(),
      warnings: warnings.map((message) => issueOf(message, file)),
    };
  } catch (thrown) {
    if (!isBuildFailure(thrown)) throw cannotRun(thrown);
    throw failureOf(thrown, file);
  } finally {
    await stop();
  }
}

function optionsFor(file: string) {
  return {
    absWorkingDir: dirname(resolve(file)),
    entryPoints: [`./${basename(file)}`],
    outfile: "ktrdr-strategy.js",
    bundle: true,
    write: false,
    format: "cjs",
    platform: "neutral",
    mainFields: ["module", "main"],
    target: "es2024",
    minify: true,
    legalComments: "none",
    sourcemap: "external",
    sourcesContent: false,
    define: { "process.env.NODE_ENV": '"production"' },
    logLevel: "silent",
    plugins: [hostModules],
  } as const satisfies BuildOptions;
}

/** Loads esbuild, only for a strategy in code. */
async function loadEsbuild(): Promise<typeof import("esbuild")> {
  try {
    return await import("esbuild");
  } catch (cause) {
    throw new Problem("unavailable", "esbuild, which bundles strategies in TypeScript, is not installed.", {
      cure: installationCure("esbuild"),
      cause,
    });
  }
}

/** esbuild's program is a package for each platform, which an installation without optional packages lacks. */
function cannotRun(cause: unknown): Problem {
  const [reason] = String(cause instanceof Error ? cause.message : cause).split("\n");
  return new Problem("unavailable", `esbuild, which bundles strategies in TypeScript, does not run: ${reason}`, {
    cure: `${installationCure("esbuild")} With optional packages, for this machine's platform.`,
    cause,
  });
}

function isBuildFailure(thrown: unknown): thrown is BuildFailure {
  return thrown instanceof Error && "errors" in thrown && Array.isArray(thrown.errors);
}

function failureOf({ errors }: BuildFailure, file: string): Problem {
  const issues = errors.map((message) => issueOf(message, file));
  const unresolved = errors.some(({ text }) => text.startsWith("Could not resolve"));
  return new Problem("invalid-strategy", `${file} cannot be bundled.`, {
    cure: unresolved
      ? "Correct the path, or install the package beside the strategy; packages are bundled into it."
      : "Correct the lines that it names.",
    issues,
  });
}

/** esbuild counts columns in bytes from 0, and files from the strategy's folder. */
function issueOf({ text, location }: Message, file: string): ProblemIssue {
  if (location === null) return { message: text, file };
  const before = Buffer.from(location.lineText).subarray(0, location.column).toString("utf8");
  const place = location.file === basename(file) ? file : join(dirname(file), location.file);
  return { message: text, file: place, line: location.line, column: before.length + 1 };
}
