/** Tells that a catalogue folder changed, whichever process changed it. */
import { watch } from "node:fs";
import { mkdir, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { UNFINISHED_PREFIX } from "./atomic-file.ts";

/** File events come in bursts; the folder is compared once after each burst. */
const SETTLE_MS = 50;
/** Network file systems and containers lose file events, so the folder is compared now and then in any case. */
const POLL_MS = 5000;

export function isManifestName(name: string): boolean {
  return name.endsWith(".json") && !name.startsWith(UNFINISHED_PREFIX);
}

/**
 * Calls `onChange` once at the start, so that nothing is missed in between, and after a manifest below `folder` was
 * added, replaced or removed. Does not keep the process alive. Answers the function that ends it; no call comes after.
 */
export function watchCatalogue(folder: string, onChange: () => void, pollMs = POLL_MS): () => void {
  const ended = new AbortController();
  let known: string | undefined;
  let comparing: Promise<void> = Promise.resolve();
  const compare = async () => {
    const now = await fingerprint(folder);
    if (ended.signal.aborted) return;
    if (now === known) return;
    known = now;
    onChange();
  };
  const compareNext = () => {
    comparing = comparing.then(compare);
  };
  let settling: NodeJS.Timeout | undefined;
  const settle = () => {
    clearTimeout(settling);
    settling = setTimeout(compareNext, SETTLE_MS).unref();
  };
  compareNext();
  const poll = setInterval(compareNext, pollMs).unref();
  void listen(folder, settle, ended.signal);
  return () => {
    ended.abort();
    clearInterval(poll);
    clearTimeout(settling);
  };
}

/** Where file events do not work, only polling remains. */
async function listen(folder: string, onEvent: () => void, signal: AbortSignal): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    if (signal.aborted) return;
    const watcher = watch(folder, { recursive: true, persistent: false, signal }, onEvent);
    watcher.on("error", () => watcher.close());
    onEvent();
  } catch {
    return;
  }
}

/** Names, times and sizes of all manifests; a file that goes away meanwhile counts as gone. */
async function fingerprint(folder: string): Promise<string> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const manifests = names.filter((name) => isManifestName(name.split(/[\\/]/).at(-1) ?? "")).sort();
  const marks = await Promise.all(
    manifests.map(async (name) => {
      const found = await stat(join(folder, name), { bigint: true }).catch(() => undefined);
      return found === undefined ? "" : `${name} ${found.ino} ${found.mtimeNs} ${found.size}`;
    }),
  );
  return marks.join("\n");
}
