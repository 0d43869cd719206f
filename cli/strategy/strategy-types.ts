/** What the TypeScript compiler says of a strategy, checked against what a strategy may see and nothing else. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, extname, join, resolve } from "node:path";
import process from "node:process";
import type { ProblemIssue } from "../../protocol/problem.ts";

/** What `import … from "ktrdr/strategy"` means to a compiler: the source in a checkout, its declarations in the package. */
const STRATEGY_MODULE = join(
  ...[import.meta.dirname, "..", "..", "compute-node", "backtest", "script"],
  `api${extname(import.meta.filename) === ".ts" ? ".ts" : ".d.ts"}`,
);

/** Of the world outside the language, a strategy has this alone. */
const GLOBALS =
  "declare const console: Record<'log' | 'info' | 'debug' | 'warn' | 'error', (...words: unknown[]) => void>;\n";
/** A package without types; it is bundled all the same. */
const UNTYPED_PACKAGE = "TS7016";
const LONGEST_MS = 60_000;

/** The compiler's errors, or null where no compiler is installed beside the strategy or with ktrdr. */
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

/** Under which a strategy is checked; also what `ktrdr strategy new` writes for editors. */
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

/** Errors are told by what is printed: the exit code says only that there are some. */
function run(script: string, words: readonly string[], folder: string): Promise<string> {
  return new Promise((done, fail) => {
    execFile(process.execPath, [script, ...words], { cwd: folder, timeout: LONGEST_MS }, (error, stdout) => {
      if (error !== null && stdout === "") fail(error);
      else done(stdout);
    });
  });
}

/** Lines such as `my-strategy.ts(7,20): error TS2304: Cannot find name 'x'.`; indented ones say more of the one before. */
function faultsOf(output: string, file: string): ProblemIssue[] {
  return output.split("\n").flatMap((line): ProblemIssue[] => {
    const [, path, row, column, code, message] = /^(.+?)\((\d+),(\d+)\): error (TS\d+): (.*)$/.exec(line) ?? [];
    if (path === undefined) return line.startsWith("error ") ? [{ message: line.slice("error ".length), file }] : [];
    if (code === UNTYPED_PACKAGE) return [];
    const place = path === basename(file) ? file : join(dirname(file), path);
    return [{ message: `${message} (${code})`, file: place, line: Number(row), column: Number(column) }];
  });
}
