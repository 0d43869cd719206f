/** The Worker as one ES module, as `wrangler deploy` would upload it. */
import { fileURLToPath } from "node:url";

/** Kept equal to wrangler.toml by a test. */
export const COMPATIBILITY_DATE = "2026-11-01";

export async function bundleControlPlane(): Promise<string> {
  const { build } = await import("esbuild");
  const result = await build({
    entryPoints: [fileURLToPath(new URL("../../src/index.ts", import.meta.url))],
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
