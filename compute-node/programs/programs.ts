/** Runs approved programs: one `ProgramRun` for each job, all of them ended by `close`. */
import { rmSync } from "node:fs";
import { Problem } from "../../protocol/index.ts";
import type { ApprovedPrograms } from "./approved-programs.ts";
import { type ProgramEnd, type ProgramListener, ProgramRun } from "./program-run.ts";
import type { ProgramInput } from "./work-folder.ts";

export type { ProgramInput } from "./work-folder.ts";

export interface ProgramsOptions {
  readonly approved: ApprovedPrograms;
  /** Holds a folder for each run; what an earlier process of the node left there is removed. */
  readonly folder: string;
  /** How long one run may take. */
  readonly timeLimitMs: number;
  /** How long a program that was told to stop may take before it is killed. */
  readonly graceMs?: number;
}

export interface RunningProgram {
  /** Settles once, never rejects; the program's group and its folder are gone by then. */
  readonly ended: Promise<ProgramEnd>;
  stop(): void;
  /** Tells it to stop and leaves it the time that it needs. */
  saveAndStop(): void;
}

const GRACE_MS = 5_000;

export class Programs {
  readonly #options: Required<ProgramsOptions>;
  readonly #running = new Set<ProgramRun>();
  #isSwept = false;

  constructor(options: ProgramsOptions) {
    this.#options = { graceMs: GRACE_MS, ...options };
  }

  /** Throws a `Problem` for a program that is not approved here. */
  run(input: ProgramInput, listener: ProgramListener): RunningProgram {
    const { approved, folder, timeLimitMs, graceMs } = this.#options;
    const { program } = input.spec;
    const words = Object.hasOwn(approved, program) ? approved[program] : undefined;
    if (words === undefined) {
      throw new Problem("forbidden", `This node's operator did not approve the program ${program}.`, {
        cure: `Start the node with --program ${program}=/path/to/program.`,
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
