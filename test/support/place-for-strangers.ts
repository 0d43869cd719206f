/** A folder for temporary files that another user can reach: `TMPDIR` may lie in one that only its owner may enter. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

interface User {
  readonly uid: number;
  readonly gid: number;
}

/** The user that tests run a program as, when they are root: it owns nothing. */
export const STRANGER: User = { uid: 65_534, gid: 65_534 };

/** The first of the usual places where `user` can run a program; null where there is none. Only root can ask for another user. */
export function placeForStrangers(
  user: User = STRANGER,
  places: readonly string[] = [tmpdir(), "/var/tmp", "/tmp", "/dev/shm"],
): string | null {
  if (process.getuid?.() !== 0) return tmpdir();
  return places.find((place) => canRunIn(place, user)) ?? null;
}

/** Tried, since permissions of a parent, the mount's options and more may be in the way. */
function canRunIn(place: string, user: User): boolean {
  let folder: string | undefined;
  try {
    folder = mkdtempSync(join(place, "ktrdr-reach-"));
    chmodSync(folder, 0o755);
    const program = join(folder, "program");
    writeFileSync(program, "#!/bin/sh\nexit 0\n", { mode: 0o755 });
    chmodSync(program, 0o755);
    return spawnSync(program, { ...user, cwd: "/", stdio: "ignore" }).status === 0;
  } catch {
    // There is no such place, or nothing can be written there.
    return false;
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }
}
