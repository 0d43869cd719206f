/** Programs instead of pct, ssh, systemctl and the like. They record their calls and give the answers that a test sets. */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";

export interface StandIns {
  /** A PATH with the stand-ins first. */
  readonly path: string;
  /** Makes a program. `body` is bash: `$*` has the words; it may read and write below `$STAND_INS`. */
  program(name: string, body?: string): void;
  /** Every call so far, in order: the program and its words, with spaces. */
  calls(): string[];
}

/** `folder` must exist; everything goes into it. */
export function standIns(folder: string): StandIns {
  const bin = join(folder, "bin");
  const log = join(folder, "calls.log");
  mkdirSync(bin, { recursive: true });
  return {
    path: `${bin}${delimiter}${process.env.PATH}`,
    program(name, body = "") {
      const file = join(bin, name);
      // One write a call, so that calls side by side do not mix.
      const note = `line="${name} $*"; printf '%s\\n' "\${line//$'\\n'/ }" >> '${log}'`;
      writeFileSync(file, `#!/bin/bash\nexport STAND_INS='${folder}'\n${note}\n${body}\n`);
      chmodSync(file, 0o755);
    },
    calls: () => (existsSync(log) ? readFileSync(log, "utf8").split("\n").slice(0, -1) : []),
  };
}

/** Finds the path of a program, or null, for tests that say why they skip. */
export function findProgram(name: string): string | null {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file)) ?? null;
}
