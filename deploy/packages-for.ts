/**
 * Leaves in a copy's package.json what one role needs, all of it as dependencies:
 *
 *   node deploy/packages-for.ts worker .     then `npm install`, which takes versions and hashes from package-lock.json
 *
 * `npm ci --omit=dev` cannot do this: a worker needs no sample prices, and a control plane needs miniflare, which is a
 * development package for everybody else.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const NODE = ["chevrotain", "commander", "esbuild", "hyparquet", "hyparquet-writer", "pino", "ws", "yaml", "zod"];

export const ROLES: Readonly<Record<string, readonly string[]>> = {
  worker: NODE,
  gpu_host: [...NODE, "webgpu"],
  "control-plane": ["commander", "esbuild", "hono", "miniflare", "yaml", "zod"],
  kernels: ["assemblyscript"],
};

interface Manifest {
  scripts?: Record<string, string>;
  dependencies: Record<string, string>;
  devDependencies?: Record<string, string>;
}

/** Throws for a package that the manifest does not have. */
export function manifestFor(names: readonly string[], manifest: Manifest): Manifest {
  const versions = { ...manifest.devDependencies, ...manifest.dependencies };
  const chosen = names.map((name) => {
    if (versions[name] === undefined) throw new Error(`package.json has no ${name}`);
    return [name, versions[name]];
  });
  return { ...manifest, scripts: {}, devDependencies: {}, dependencies: Object.fromEntries(chosen) };
}

if (import.meta.main) {
  const [role, folder = "."] = process.argv.slice(2);
  if (!Object.hasOwn(ROLES, role ?? "")) {
    process.stderr.write(`error: "${role ?? ""}" is no role\n  cure: Name one of ${Object.keys(ROLES).join(", ")}.\n`);
    process.exit(2);
  }
  const file = join(folder, "package.json");
  const manifest = JSON.parse(readFileSync(file, "utf8")) as Manifest;
  writeFileSync(file, `${JSON.stringify(manifestFor(ROLES[role], manifest), null, 2)}\n`);
}
