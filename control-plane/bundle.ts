/** The Worker as one ES module, as `wrangler deploy` would upload it. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Kept equal to wrangler.toml by a test. */
export const COMPATIBILITY_DATE = "2026-11-01";

/** The npm package has it ready, and no sources. */
const BUILT = join(import.meta.dirname, "worker.js");

/** The bundle that came with the package, or else one of the sources as they are now. */
export async function controlPlaneScript(): Promise<string> {
  return existsSync(BUILT) ? readFile(BUILT, "utf8") : bundleControlPlane();
}

export async function bundleControlPlane(): Promise<string> {
  const { build } = await import("esbuild");
  const result = await build({
    // Paths are relative to the root and links stay as they are named: the bytes are the same wherever the sources lie.
    absWorkingDir: join(import.meta.dirname, ".."),
    preserveSymlinks: true,
    entryPoints: [fileURLToPath(new URL("../src/index.ts", import.meta.url))],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2024",
    platform: "neutral",
    mainFields: ["module", "main"],
    conditions: ["workerd", "worker", "import"],
    external: ["cloudflare:*"],
    logLevel: "error",
  });
  return result.outputFiles[0]!.text;
}
