/** One run of an approved program, from its work folder to its result. */
import { createHash } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { LIMITS, type OperationResult, Problem, type ProblemDetails, type Progress } from "../../protocol/index.ts";
import { LineReader } from "./line-reader.ts";
import { ProcessGroup, type ProgramExit } from "./process-group.ts";
import { type ProgramMessage, parseProgramLine } from "./program-message.ts";
import { type ProgramInput, WorkFolder } from "./work-folder.ts";

/** How a run came to its end, with the bytes of its result. */
export type ProgramEnd =
  | { type: "result"; result: OperationResult; bytes: Uint8Array | null }
  | { type: "failed"; error: ProblemDetails; retryable: boolean }
  | { type: "stopped" };

export interface ProgramListener {
  readonly onProgress: (progress: Progress) => void;
  readonly onLog: (lines: readonly string[]) => void;
  readonly onCheckpoint?: (bytes: Uint8Array) => void;
}

interface ProgramRunOptions {
  readonly input: ProgramInput;
  readonly listener: ProgramListener;
  /** The executable and its first arguments. */
  readonly words: readonly string[];
  /** Holds the work folder. */
  readonly folder: string;
  readonly timeLimitMs: number;
  readonly graceMs: number;
}

type ResultMessage = Extract<ProgramMessage, { result: unknown }>["result"];

/** What a failure quotes of the last lines. */
const QUOTED_LINES = 12;
const QUOTED_LENGTH = 1_500;
/** A program ends with this code where another try may help: EX_TEMPFAIL of sysexits.h. */
const TRY_AGAIN_CODE = 75;
/** The longest delay that a timer takes. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class ProgramRun {
  readonly ended: Promise<ProgramEnd>;
  readonly #options: ProgramRunOptions;
  #group: ProcessGroup | null = null;
  #graceTimer: NodeJS.Timeout | undefined;
  #isStopped = false;
  /** What made the node end it. */
  #fault: Problem | null = null;
  #printedBytes = 0;
  #lastLines: string[] = [];
  #result: ResultMessage | null = null;
  /** Checkpoints are read one after another. */
  #checkpoints: Promise<void> = Promise.resolve();

  constructor(options: ProgramRunOptions) {
    this.#options = options;
    this.ended = this.#run();
  }

  stop(): void {
    this.#isStopped = true;
    this.#terminate();
  }

  saveAndStop(): void {
    this.#isStopped = true;
    this.#group?.signal("SIGTERM");
  }

  kill(): void {
    this.#isStopped = true;
    this.#group?.signal("SIGKILL");
  }

  async #run(): Promise<ProgramEnd> {
    let folder: WorkFolder | null = null;
    try {
      folder = await WorkFolder.create(this.#options.folder, this.#options.input);
      if (this.#isStopped) return { type: "stopped" };
      const exit = await this.#execute(folder);
      await this.#checkpoints;
      return await this.#endOf(exit, folder);
    } catch (thrown) {
      return this.#isStopped ? { type: "stopped" } : failure(thrown);
    } finally {
      clearTimeout(this.#graceTimer);
      await folder?.remove().catch((error: Error) => {
        this.#options.listener.onLog([`warning: the work folder could not be removed: ${error.message}`]);
      });
    }
  }

  async #execute(folder: WorkFolder): Promise<ProgramExit> {
    const { words, input, timeLimitMs } = this.#options;
    const output = new LineReader(LIMITS.programLineBytes);
    const errors = new LineReader(LIMITS.programLineBytes);
    const group = new ProcessGroup({
      words,
      folder: folder.path,
      environment: environmentOf(input, folder),
      onOutput: (chunk) => this.#heard(chunk, () => this.#told(output.take(chunk), folder)),
      onErrors: (chunk) => this.#heard(chunk, () => this.#log(errors.take(chunk))),
    });
    this.#group = group;
    const startedAt = performance.now();
    const timer = setTimeout(
      () => this.#giveUp(new Problem("program-failed", `The program ran for more than ${timeLimitMs} ms.`, TIME_CURE)),
      Math.min(LONGEST_TIMER_MS, timeLimitMs),
    );
    try {
      const exit = await group.ended;
      this.#told(output.rest(), folder);
      this.#log(errors.rest());
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
      this.#options.listener.onLog([`the program ended after ${seconds} s (${exit.signal ?? `code ${exit.code}`})`]);
      return exit;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Counts what it prints, and ends it where that is too much. */
  #heard(chunk: Buffer, take: () => void): void {
    if (this.#printedBytes > LIMITS.programOutputBytes) return;
    this.#printedBytes += chunk.length;
    take();
    if (this.#printedBytes <= LIMITS.programOutputBytes) return;
    const message = `The program printed more than ${LIMITS.programOutputBytes} bytes.`;
    this.#giveUp(new Problem("too-large", message, { cure: "Print less; write what is long into the result's file." }));
  }

  #told(lines: readonly string[], folder: WorkFolder): void {
    const log: string[] = [];
    let newest: Progress | null = null;
    for (const line of lines) {
      const message = parseProgramLine(line);
      if (typeof message === "string") log.push(message);
      else if ("log" in message) log.push(...message.log.split("\n"));
      else if ("progress" in message) newest = message.progress;
      else if ("checkpoint" in message) log.push(...this.#takeCheckpoint(message.checkpoint, folder));
      else this.#result = message.result;
    }
    this.#log(log);
    if (newest !== null) this.#options.listener.onProgress(newest);
  }

  #log(lines: readonly string[]): void {
    if (lines.length === 0) return;
    this.#lastLines = [...this.#lastLines, ...lines.slice(-QUOTED_LINES)].slice(-QUOTED_LINES);
    this.#options.listener.onLog(lines);
  }

  /** One that cannot be taken costs nothing but itself: the program goes on. Answers what to say of it. */
  #takeCheckpoint(name: string, folder: WorkFolder): string[] {
    const warning = (error: unknown): string => `warning: no checkpoint: ${Problem.from(error).message}`;
    try {
      const path = folder.take(name);
      this.#checkpoints = this.#checkpoints
        .then(async () => {
          this.#options.listener.onCheckpoint?.(await readFile(path));
          await rm(path);
        })
        .catch((error) => this.#log([warning(error)]));
      return [];
    } catch (error) {
      return [warning(error)];
    }
  }

  #giveUp(fault: Problem): void {
    this.#fault ??= fault;
    this.#terminate();
  }

  #terminate(): void {
    if (this.#graceTimer !== undefined || this.#group === null) return;
    const group = this.#group;
    group.signal("SIGTERM");
    this.#graceTimer = setTimeout(() => group.signal("SIGKILL"), this.#options.graceMs);
  }

  async #endOf({ code, signal }: ProgramExit, folder: WorkFolder): Promise<ProgramEnd> {
    if (this.#isStopped) return { type: "stopped" };
    if (this.#fault !== null) return failure(this.#fault);
    if (code !== 0) {
      const how = code === null ? `was ended by ${signal}` : `ended with code ${code}`;
      // Such as for want of memory, of which another node may have more.
      return failure(this.#failed(`The program ${how}`), code === null || code === TRY_AGAIN_CODE);
    }
    if (this.#result === null) return failure(this.#failed("The program ended without a result"));
    const { file, summary } = this.#result;
    if (file === undefined) {
      const result = { sha256: null, bytes: 0, mediaType: "application/json", summary };
      return { type: "result", result, bytes: null };
    }
    const bytes = await folder.read(file);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const mediaType = this.#options.input.spec.artefactMediaType;
    return { type: "result", bytes, result: { sha256, bytes: bytes.length, mediaType, summary } };
  }

  #failed(what: string): Problem {
    const quoted = this.#lastLines.join("\n").slice(-QUOTED_LENGTH);
    return new Problem("program-failed", quoted === "" ? `${what}, and printed nothing.` : `${what}:\n${quoted}`, {
      cure: 'Correct it; a good end has code 0, and before it a line such as {"result": {"file": "model.bin"}}.',
    });
  }
}

const TIME_CURE = { cure: "Give it less to do, or have the operator raise --program-time-limit-ms." };

function failure(thrown: unknown, isWorthAnotherTry?: boolean): ProgramEnd {
  const problem = Problem.from(thrown);
  const retryable = isWorthAnotherTry ?? problem.retryable;
  return { type: "failed", error: { ...problem.toDetails(), retryable }, retryable };
}

/** The node's own, without what is secret in it. */
function environmentOf({ lease }: ProgramInput, folder: WorkFolder): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !name.startsWith("KTRDR_") && name !== "ENROLMENT_TOKEN",
  );
  return {
    ...Object.fromEntries(inherited),
    KTRDR_SPEC: folder.specPath,
    KTRDR_WORK_FOLDER: folder.path,
    KTRDR_DATA_FOLDER: folder.dataPath,
    ...(folder.hasCheckpoint ? { KTRDR_CHECKPOINT: folder.checkpointPath } : {}),
    KTRDR_OPERATION_ID: lease.operationId,
    KTRDR_ATTEMPT: String(lease.attempt),
  };
}
