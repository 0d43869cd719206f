/** Runs approved programs: one `ProgramRun` for each job, all of them ended by `close`. */
import { rmSync } from "node:fs";
import { Problem } from "../../protocol/index.ts";
import { type CommandEnd, type CommandListener, ProgramRun } from "./program-run.ts";
import type { Programs } from "./programs.ts";
import type { CommandInput } from "./work-folder.ts";

export type { CommandInput } from "./work-folder.ts";

export interface CommandOptions {
  readonly programs: Programs;
  /** Holds a folder for each run; what an earlier process of the node left there is removed. */
  readonly folder: string;
  /** How long one run may take. */
  readonly timeLimitMs: number;
  /** How long a program that was told to stop may take before it is killed. */
  readonly graceMs?: number;
}

export interface RunningCommand {
  /** Settles once, never rejects; the program's group and its folder are gone by then. */
  readonly ended: Promise<CommandEnd>;
  stop(): void;
  /** Tells it to stop and leaves it the time that it needs. */
  saveAndStop(): void;
}

const GRACE_MS = 5_000;

export class Commands {
  readonly #options: Required<CommandOptions>;
  readonly #running = new Set<ProgramRun>();
  #isSwept = false;

  constructor(options: CommandOptions) {
    this.#options = { graceMs: GRACE_MS, ...options };
  }

  /** Throws a `Problem` for a program that is not approved here. */
  run(input: CommandInput, listener: CommandListener): RunningCommand {
    const { programs, folder, timeLimitMs, graceMs } = this.#options;
    const { program } = input.spec;
    const words = Object.hasOwn(programs, program) ? programs[program] : undefined;
    if (words === undefined) {
      throw new Problem("forbidden", `This node's operator did not approve the program ${program}.`, {
        cure: `Start the node with --command ${program}=/path/to/program.`,
      });
    }
    if (!this.#isSwept) rmSync(folder, { recursive: true, force: true });
    this.#isSwept = true;
    const run = new ProgramRun({ input, listener, words, folder, timeLimitMs, graceMs });
    this.#running.add(run);
    void run.ended.then(() => this.#running.delete(run));
    return run;
  }

  /** Kills what runs. */
  async close(): Promise<void> {
    await Promise.all(
      [...this.#running].map((run) => {
        run.kill();
        return run.ended;
      }),
    );
  }
}
