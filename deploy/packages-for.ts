/**
 * Reduces a copy's package.json to the packages of one role, all as dependencies:
 *
 *   node deploy/packages-for.ts worker .     then `npm install`, which takes versions and hashes from package-lock.json
 *
 * In the npm package, which has no development packages, it also writes npm-shrinkwrap.json, from deploy/packages-lock.json;
 * then `npm ci` installs exactly that. `npm ci --omit=dev` alone cannot do this: a worker needs no sample prices, and only
 * a control plane needs miniflare.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const NODE = ["commander", "esbuild", "hyparquet", "hyparquet-writer", "pino", "ws", "yaml", "zod"];

export const ROLES: Readonly<Record<string, readonly string[]>> = {
  worker: NODE,
  gpu_host: [...NODE, "webgpu"],
  "control-plane": ["commander", "esbuild", "hono", "miniflare", "modern-tar", "ws", "yaml", "zod"],
  // The packages of deploy/package/build.ts, for an image.
  package: ["assemblyscript", "esbuild", "hono", "modern-tar", "typescript", "zod"],
};

/** The npm package has the control plane's Worker as a bundle. */
export const BUNDLED: readonly string[] = ["hono"];

export interface Manifest {
  readonly name?: string;
  readonly version?: string;
  readonly scripts?: Record<string, string>;
  readonly dependencies: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
  readonly peerDependencies?: Record<string, string>;
  readonly peerDependenciesMeta?: Record<string, { optional: boolean }>;
  readonly engines?: Record<string, string>;
}

/** An entry of a lock file, as npm wrote it. Only the names of other packages are read here. */
interface LockedPackage {
  readonly version?: string;
  readonly integrity?: string;
  readonly dependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
  readonly peerDependencies?: Record<string, string>;
  readonly peerDependenciesMeta?: Record<string, { optional?: boolean }>;
  readonly [field: string]: unknown;
}

/** A lock file of version 3: each package under the folder that it is installed in, the project itself under "". */
export interface Lock {
  readonly lockfileVersion: number;
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

/** Throws for a package that the manifest lacks. */
export function manifestFor(names: readonly string[], manifest: Manifest): Manifest {
  const versions = { ...manifest.peerDependencies, ...manifest.devDependencies, ...manifest.dependencies };
  const chosen = names.map((name) => {
    if (versions[name] === undefined) throw new Error(`package.json has no ${name}`);
    return [name, versions[name]];
  });
  const { peerDependencies, peerDependenciesMeta, ...rest } = manifest;
  return { ...rest, scripts: {}, devDependencies: {}, dependencies: Object.fromEntries(chosen) };
}

/**
 * Picks the part of a lock that a manifest's dependencies need, with the manifest as root. Versions, hashes and folders stay.
 * Throws for a package that the lock lacks, unless it is optional.
 */
export function lockFor(manifest: Manifest, lock: Lock): Lock & { name?: string; version?: string } {
  const needed = new Set<string>();
  const visit = (name: string, from: string, isOptional: boolean): void => {
    const place = placeOf(name, from, lock);
    if (place === null && !isOptional) throw new Error(`the lock file has no ${name}, which ${from || "ktrdr"} needs`);
    if (place === null || needed.has(place)) return;
    needed.add(place);
    const { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta } = lock.packages[place] ?? {};
    for (const other of Object.keys(dependencies ?? {})) visit(other, place, false);
    for (const other of Object.keys(optionalDependencies ?? {})) visit(other, place, true);
    for (const other of Object.keys(peerDependencies ?? {})) {
      if (peerDependenciesMeta?.[other]?.optional !== true) visit(other, place, false);
    }
  };
  for (const name of Object.keys(manifest.dependencies)) visit(name, "", false);
  const { name, version, dependencies, peerDependencies, peerDependenciesMeta, engines } = manifest;
  const root = { name, version, dependencies, peerDependencies, peerDependenciesMeta, engines };
  const packages = Object.entries(lock.packages).filter(([place]) => needed.has(place));
  return {
    ...{ name, version, lockfileVersion: lock.lockfileVersion },
    packages: { "": root, ...Object.fromEntries(packages.map(([place, entry]) => [place, withoutMarks(entry)])) },
  };
}

/** The folder where Node would find the package, seen from the folder of its user. */
function placeOf(name: string, from: string, lock: Lock): string | null {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf("/node_modules/")))) {
    const place = folder === "" ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    if (lock.packages[place] !== undefined) return place;
    if (folder === "") return null;
  }
}

/** Drops npm's mark of development packages, since one may be a dependency here and npm would leave it out. */
function withoutMarks({ dev, peer, ...entry }: LockedPackage): LockedPackage {
  return entry;
}

function readJson<T>(file: string): T {
  return JSON.parse(readFileSync(file, "utf8")) as T;
}

function writeJson(file: string, value: unknown): void {
  writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);
}

if (import.meta.main) {
  const [role = "", folder = "."] = process.argv.slice(2);
  const packages = Object.hasOwn(ROLES, role) ? ROLES[role] : undefined;
  if (packages === undefined) {
    process.stderr.write(`error: "${role}" is no role\n  cure: Name one of ${Object.keys(ROLES).join(", ")}.\n`);
    process.exit(2);
  }
  const lock = join(folder, "deploy", "packages-lock.json");
  const isPackage = existsSync(lock);
  const names = packages.filter((name) => !isPackage || !BUNDLED.includes(name));
  const manifest = manifestFor(names, readJson<Manifest>(join(folder, "package.json")));
  if (isPackage) writeJson(join(folder, "npm-shrinkwrap.json"), lockFor(manifest, readJson<Lock>(lock)));
  writeJson(join(folder, "package.json"), manifest);
}
