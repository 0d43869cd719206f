/** Makes the types of `ktrdr/strategy`, for people who write a strategy against the package. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { withJavaScriptNames } from "./specifiers.ts";

const SOURCE = "compute-node/backtest/script/api.ts";
const OPTIONS = [
  ...["--ignoreConfig", "--declaration", "--emitDeclarationOnly", "--allowImportingTsExtensions", "--strict"],
  ...["--module", "nodenext", "--target", "es2024", "--lib", "es2024", "--types", ""],
];

/** `backtest/script/api.d.ts` and the declarations that it imports, by path relative to the root. Throws the compiler's errors. */
export function strategyDeclarations(root: string): Map<string, Uint8Array> {
  const compiler = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
  const folder = mkdtempSync(join(tmpdir(), "ktrdr-declarations-"));
  try {
    execFileSync(process.execPath, [compiler, ...OPTIONS, "--rootDir", root, "--outDir", folder, join(root, SOURCE)]);
    const paths = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".d.ts"));
    const sources = new Set(paths.map((path) => basename(path).replace(/\.d\.ts$/, ".ts")));
    const textOf = (path: string): string => withJavaScriptNames(readFileSync(join(folder, path), "utf8"), sources);
    return new Map(paths.sort().map((path) => [path, Buffer.from(textOf(path))]));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
