/**
 * Makes the npm package, `ktrdr-<version>.tgz`: JavaScript without types, since Node does not strip them below
 * node_modules, in the folders of the checkout. The same sources give the same bytes.
 *
 *   node deploy/package/build.ts [--out dist/package] [--json]
 *
 * Prints the tarball's path, its size, and its hashes: `integrity` as npm writes it, and SHA-256 for sha256sum.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, realpathSync, renameSync, statSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { basename, join, resolve } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { bundleControlPlane } from "../../control-plane/bundle.ts";
import type { Lock } from "../packages-for.ts";
import { type Files, packArchive } from "./archive.ts";
import { faultsOf } from "./check.ts";
import { dataFiles, moduleGraph } from "./contents.ts";
import { strategyDeclarations } from "./declarations.ts";
import { packageManifest, shrinkwrap, wholeLock } from "./manifest.ts";
import { withJavaScriptNames } from "./specifiers.ts";

const ROOT = realpathSync(join(import.meta.dirname, "..", ".."));
const KERNELS = "compute-node/training/kernels";

interface BuiltPackage {
  /** Path of the tarball. */
  readonly path: string;
  readonly version: string;
  readonly bytes: number;
  /** As in a lock file of npm: `sha512-` and base64. */
  readonly integrity: string;
  /** Hexadecimal. */
  readonly sha256: string;
}

interface PackageName {
  readonly name: string;
  readonly version: string;
}

/**
 * Writes the tarball into `folder`, renamed when whole.
 *
 * @throws Error with a line for each reference that leads out of the package
 */
async function buildPackage(folder: string): Promise<BuiltPackage> {
  const files = await packageFiles();
  const { name, version } = JSON.parse(Buffer.from(files.get("package.json")!).toString()) as PackageName;
  const archive = await packArchive(files);
  const path = join(resolve(folder), `${name}-${version}.tgz`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${path}.${process.pid}`, archive);
  renameSync(`${path}.${process.pid}`, path);
  const digest = (algorithm: string) => createHash(algorithm).update(archive);
  return {
    ...{ path, version, bytes: archive.byteLength },
    integrity: `sha512-${digest("sha512").digest("base64")}`,
    sha256: digest("sha256").digest("hex"),
  };
}

/** Everything that goes into the tarball. Throws as `buildPackage`. */
export async function packageFiles(): Promise<Files> {
  compileKernels();
  const { modules, packages } = await moduleGraph(ROOT);
  const names = new Set(modules.map((path) => basename(path)));
  const emitted = modules.map((path) => [path.replace(/\.ts$/, ".js"), javaScriptOf(path, names)] as const);
  const worker = await bundleControlPlane();
  const manifest = packageManifest(readJson("package.json"));
  const lock = readJson<Lock>("package-lock.json");
  const files = new Map<string, Uint8Array>([
    ...dataFiles(ROOT),
    ...emitted,
    ...strategyDeclarations(ROOT),
    ["control-plane/worker.js", Buffer.from(worker)],
    ["control-plane/worker-licences.txt", Buffer.from(licencesOf(worker))],
    ["package.json", json(manifest)],
    ["npm-shrinkwrap.json", json(shrinkwrap(manifest, lock))],
    ["deploy/packages-lock.json", json(wholeLock(manifest, lock))],
  ]);
  const known = { ...manifest.dependencies, ...manifest.peerDependencies };
  const faults = [
    ...packages.filter((name) => known[name] === undefined).map((name) => `${name} is imported, but no dependency`),
    ...(await faultsOf(
      files,
      emitted.map(([path]) => path),
    )),
  ];
  if (faults.length > 0) throw new Error(`The package is not whole:\n${faults.join("\n")}`);
  return files;
}

/** Compiles the kernels unless they are up to date. They are not in git, and a checkout may have older ones. */
function compileKernels(): void {
  const changedAtMs = (path: string): number =>
    statSync(join(ROOT, KERNELS, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const sources = readdirSync(join(ROOT, KERNELS, "assembly")).map((name) => `assembly/${name}`);
  // The compiler writes this one last.
  const builtAtMs = changedAtMs("build/exact.wasm");
  if ([...sources, "build.ts"].every((path) => changedAtMs(path) <= builtAtMs)) return;
  execFileSync(process.execPath, [join(ROOT, KERNELS, "build.ts")], { stdio: ["ignore", 2, 2] });
}

/** Types become spaces, so that lines and columns stay those of the source. */
function javaScriptOf(path: string, modules: ReadonlySet<string>): Uint8Array {
  const source = readFileSync(join(ROOT, path), "utf8");
  const code = path.endsWith(".ts") ? stripTypeScriptTypes(source) : source;
  return Buffer.from(withJavaScriptNames(code, modules));
}

/** Collects the licences of the packages in a bundle. esbuild names the origin of each file. */
function licencesOf(bundle: string): string {
  const places = bundle.matchAll(/^\/\/ (?:.*\/)?node_modules\/((?:@[^/\n]+\/)?[^/\n]+)\//gm);
  const names = [...new Set([...places].map(([, name = ""]) => name))].sort();
  return names
    .map((name) => `${name}\n\n${readFileSync(join(ROOT, "node_modules", name, "LICENSE"), "utf8").trim()}\n`)
    .join("\n");
}

function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(join(ROOT, path), "utf8")) as T;
}

function json(value: unknown): Uint8Array {
  return Buffer.from(`${JSON.stringify(value, null, 2)}\n`);
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { out: { type: "string", default: join(ROOT, "dist", "package") }, json: { type: "boolean" } },
  });
  const { path, version, bytes, integrity, sha256 } = await buildPackage(values.out);
  process.stdout.write(
    values.json === true
      ? `${JSON.stringify({ path, version, bytes, integrity, sha256 })}\n`
      : `${path}\n${bytes} bytes\n${integrity}\nsha256 ${sha256}\n`,
  );
}
