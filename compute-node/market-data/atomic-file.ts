/** Writes that other processes, and a machine that loses power, see whole or not at all. */
import { randomBytes } from "node:crypto";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** Unfinished files start with this; readers of a folder skip them. */
export const UNFINISHED_PREFIX = ".unfinished-";

/**
 * Writes `parts` one after another to `path`, in a folder that is made when missing: to a file of its own beside it,
 * flushed to disk, then renamed over the old one. Throws the file system's errors, and leaves no unfinished file.
 */
export async function writeAtomically(path: string, parts: readonly Uint8Array[]): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true });
  const unfinished = join(folder, `${UNFINISHED_PREFIX}${basename(path)}-${randomBytes(8).toString("hex")}`);
  try {
    const file = await open(unfinished, "wx");
    try {
      for (const part of parts) await file.writeFile(part);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
  await syncFolder(folder);
}

/** Makes a rename durable. Windows cannot open a folder, and needs no flush of it. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
