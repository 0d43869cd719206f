/** A program in a process group of its own, which ends with the node whatever becomes of the node. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";

/**
 * The shell becomes the program. Beside it waits a guard of the same group, for the end of a pipe that the node holds open:
 * the kernel closes it even where the node is killed, and the group is then ended.
 */
const GUARD = `
( ( trap '' TERM INT HUP; while read -r _; do :; done; kill -TERM 0; sleep 3; kill -KILL 0 ) <&3 >/dev/null 2>&1 & )
exec "$@" 3<&-`;

/** A process that left the group may hold the pipes open. */
const DRAIN_MS = 1_000;

export interface ProgramExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

interface ProcessGroupOptions {
  readonly words: readonly string[];
  readonly folder: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly onOutput: (chunk: Buffer) => void;
  readonly onErrors: (chunk: Buffer) => void;
}

export class ProcessGroup {
  /** Settles when the program has ended, its group is gone and all that it printed was heard. Rejects when none starts. */
  readonly ended: Promise<ProgramExit>;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  /** The group's number may be somebody else's by now. */
  #isOver = false;

  constructor({ words, folder, environment, onOutput, onErrors }: ProcessGroupOptions) {
    this.#child = spawn("/bin/sh", ["-c", GUARD, "sh", ...words], {
      ...{ cwd: folder, env: environment, detached: true },
      stdio: ["pipe", "pipe", "pipe", "pipe"],
    }) as ChildProcessByStdio<Writable, Readable, Readable>;
    this.#child.stdout.on("data", onOutput);
    this.#child.stderr.on("data", onErrors);
    // Nothing is written there; a program sees by its end that the node is gone.
    this.#child.stdin.on("error", () => {});
    this.ended = this.#end();
  }

  /** False when there is nothing left to signal. */
  signal(signal: NodeJS.Signals): boolean {
    const { pid } = this.#child;
    if (pid === undefined || this.#isOver) return false;
    try {
      return process.kill(-pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
      throw error;
    }
  }

  #end(): Promise<ProgramExit> {
    const child = this.#child;
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", () => {
        // What it started and left behind, and the guard.
        this.signal("SIGKILL");
        this.#isOver = true;
        const timer = setTimeout(() => {
          for (const stream of child.stdio) stream?.destroy();
        }, DRAIN_MS);
        child.once("close", (code, signal) => {
          clearTimeout(timer);
          resolve({ code, signal });
        });
      });
    });
  }
}
