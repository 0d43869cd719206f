/** Checks a strategy's types with the TypeScript compiler, against only those names that a strategy may use. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, extname, join, resolve } from "node:path";
import process from "node:process";
import type { ProblemIssue } from "../../protocol/problem.ts";

/** The file that `import … from "ktrdr/strategy"` means to a compiler: the source in a checkout, declarations in the package. */
const STRATEGY_MODULE = join(
  ...[import.meta.dirname, "..", "..", "compute-node", "backtest", "script"],
  `api${extname(import.meta.filename) === ".ts" ? ".ts" : ".d.ts"}`,
);

/** The only global name that a strategy has beyond the language. */
const GLOBALS =
  "declare const console: Record<'log' | 'info' | 'debug' | 'warn' | 'error', (...words: unknown[]) => void>;\n";
/** The error code for a package without types, which can be bundled all the same. */
const UNTYPED_PACKAGE = "TS7016";
const LONGEST_MS = 60_000;

/** Returns the compiler's errors, or null when no compiler is installed beside the strategy or with ktrdr. */
export async function typeFaults(file: string): Promise<ProblemIssue[] | null> {
  if (!/\.[cm]?ts$/i.test(file)) return [];
  const compiler = findCompiler(file);
  if (compiler === null) return null;
  const folder = await mkdtemp(join(tmpdir(), "ktrdr-types-"));
  try {
    await writeFile(join(folder, "globals.d.ts"), GLOBALS);
    const files = [join(folder, "globals.d.ts"), resolve(file)];
    await writeFile(
      join(folder, "tsconfig.json"),
      JSON.stringify({ compilerOptions: { ...compilerOptions(), types: [], noEmit: true }, files }),
    );
    const output = await run(compiler, ["-p", folder, "--pretty", "false"], dirname(resolve(file)));
    return faultsOf(output, file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The compiler options for checking a strategy. `ktrdr strategy new` writes them for editors. */
export function compilerOptions(): Record<string, unknown> {
  return {
    strict: true,
    target: "es2024",
    lib: ["es2024"],
    module: "preserve",
    moduleResolution: "bundler",
    allowImportingTsExtensions: true,
    resolveJsonModule: true,
    skipLibCheck: true,
    noEmit: true,
    paths: { "ktrdr/strategy": [STRATEGY_MODULE] },
  };
}

function findCompiler(file: string): string | null {
  for (const from of [resolve(file), import.meta.filename]) {
    try {
      return join(dirname(createRequire(from).resolve("typescript/package.json")), "bin", "tsc");
    } catch {
      // Not installed there; the next place may have it.
    }
  }
  return null;
}

/** Runs the compiler and returns its output, which lists the errors. The exit code says only that there are some. */
function run(script: string, words: readonly string[], folder: string): Promise<string> {
  return new Promise((done, fail) => {
    execFile(process.execPath, [script, ...words], { cwd: folder, timeout: LONGEST_MS }, (error, stdout) => {
      if (error !== null && stdout === "") fail(error);
      else done(stdout);
    });
  });
}

/** Lines such as `my-strategy.ts(7,20): error TS2304: Cannot find name 'x'.`; indented lines belong to the error before. */
function faultsOf(output: string, file: string): ProblemIssue[] {
  return output.split("\n").flatMap((line): ProblemIssue[] => {
    const [, path, row, column, code, message] = /^(.+?)\((\d+),(\d+)\): error (TS\d+): (.*)$/.exec(line) ?? [];
    if (path === undefined) return line.startsWith("error ") ? [{ message: line.slice("error ".length), file }] : [];
    if (code === UNTYPED_PACKAGE) return [];
    const place = path === basename(file) ? file : join(dirname(file), path);
    return [{ message: `${message} (${code})`, file: place, line: Number(row), column: Number(column) }];
  });
}
