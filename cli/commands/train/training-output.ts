/** Writes the report of a training run. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { ModelManifest } from "../../../compute-node/models/index.ts";

/** After the eight bytes that say how long it is, a safetensors file is JSON; a ZIP archive has its method there, 0 to 99. */
export function isModelFile(bytes: Uint8Array): boolean {
  return bytes[8] === "{".charCodeAt(0);
}

/** Writes the self-contained HTML file, folders included, and answers its absolute path. */
export async function writeTrainingReport(manifest: ModelManifest, file: string): Promise<string> {
  const { renderTrainingReport } = await import("../../report/index.ts");
  const path = resolve(file);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, renderTrainingReport(manifest));
  return path;
}
