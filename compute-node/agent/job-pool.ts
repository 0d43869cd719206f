/** Warm job threads, one for each slot; a thread that dies is replaced and its job reported as failed. */
import { Worker } from "node:worker_threads";
import {
  allowanceOf,
  type OperationResult,
  Problem,
  type ProblemDetails,
  type Progress,
  SCRIPT_KIND,
} from "../../protocol/index.ts";
import { type JobInput, stopGraceMsOf } from "../jobs/index.ts";
import { GO_ON, SAVE_AND_STOP, STOP, type ThreadReply, type ThreadRequest } from "./job-messages.ts";
import { watchMemory } from "./memory-watch.ts";

/** The end of a job, with the bytes of its result. */
export type JobEnd =
  | { type: "result"; result: OperationResult; bytes: Uint8Array | null }
  | { type: "failed"; error: ProblemDetails; retryable: boolean }
  | { type: "stopped" };

export interface JobPoolOptions {
  readonly slots: number;
  /** Heap of one thread, and as much again for the typed arrays of a script; columns that threads share do not count. */
  readonly memoryMb: number;
  /** The time that a stopping job has before its thread is killed. */
  readonly graceMs?: number;
  /** The thread's program. */
  readonly program?: URL;
}

/** Hears what a job says while it runs. */
export interface JobListener {
  readonly onProgress: (progress: Progress) => void;
  readonly onLog: (lines: readonly string[]) => void;
  /** Training runs make them. */
  readonly onCheckpoint?: (bytes: Uint8Array) => void;
}

export interface RunningJob {
  /** Settles once, never rejects. */
  readonly ended: Promise<JobEnd>;
  stop(): void;
  /** Asks for a last checkpoint before it stops, and sets no limit of time. */
  saveAndStop(): void;
}

interface JobThread {
  readonly worker: Worker;
  job: ThreadJob | null;
  error: Error | null;
}

interface ThreadJob {
  readonly flag: Int32Array;
  readonly listener: JobListener;
  readonly end: (end: JobEnd) => void;
  /** The time that it has to stop before its thread is killed. */
  readonly graceMs: number;
  isAskedToSave: boolean;
  stopTimer: NodeJS.Timeout | undefined;
  unwatch: (() => void) | undefined;
}

const STOP_GRACE_MS = 500;
const MEGABYTE = 1024 * 1024;
/** Node's error code for a thread whose heap is full. */
const OUT_OF_MEMORY = "ERR_WORKER_OUT_OF_MEMORY";
/** More than these start when their first job comes: a thread takes some 10 MB. */
const WARM_THREADS = 16;

export class JobPool {
  readonly #options: Required<JobPoolOptions>;
  readonly #threads = new Set<JobThread>();
  #closed = false;

  constructor(options: JobPoolOptions) {
    this.#options = { graceMs: STOP_GRACE_MS, program: new URL("./job-thread.ts", import.meta.url), ...options };
    for (let index = 0; index < Math.min(options.slots, WARM_THREADS); index++) this.#startThread();
  }

  /** Starts a job on a free thread. Throws when there is none: the caller counts slots. */
  run(input: JobInput, listener: JobListener): RunningJob {
    if (this.#closed) throw new Error("the job pool is closed");
    const thread = [...this.#threads].find(({ job }) => job === null) ?? this.#startThread();
    const flag = new Int32Array(new SharedArrayBuffer(4));
    Atomics.store(flag, 0, GO_ON);
    const { promise, resolve } = Promise.withResolvers<JobEnd>();
    const job: ThreadJob = {
      ...{ flag, listener, end: resolve },
      graceMs: stopGraceMsOf(input) ?? this.#options.graceMs,
      ...{ isAskedToSave: false, stopTimer: undefined, unwatch: undefined },
    };
    thread.job = job;
    if (allowanceOf(input.spec) === SCRIPT_KIND) job.unwatch = this.#watch(thread, job);
    thread.worker.postMessage({ input, flag } satisfies ThreadRequest);
    return {
      ended: promise,
      stop: () => this.#stop(thread, job),
      saveAndStop: () => {
        job.isAskedToSave = true;
        Atomics.store(flag, 0, SAVE_AND_STOP);
      },
    };
  }

  /** Kills every thread; jobs end as stopped. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#threads].map(({ worker }) => worker.terminate()));
  }

  #stop(thread: JobThread, job: ThreadJob): void {
    if (thread.job !== job || job.stopTimer !== undefined) return;
    Atomics.store(job.flag, 0, STOP);
    Atomics.notify(job.flag, 0);
    job.stopTimer = setTimeout(() => void thread.worker.terminate(), job.graceMs);
  }

  #watch(thread: JobThread, job: ThreadJob): () => void {
    return watchMemory(thread.worker, this.#options.memoryMb * MEGABYTE, () => {
      if (thread.job !== job) return;
      thread.error = Object.assign(new Error("typed arrays"), { code: OUT_OF_MEMORY });
      void thread.worker.terminate();
    });
  }

  #startThread(): JobThread {
    if (this.#threads.size >= this.#options.slots) throw new Error("more jobs than slots");
    const worker = new Worker(this.#options.program, {
      name: "ktrdr-job",
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: this.#options.memoryMb },
    });
    const thread: JobThread = { worker, job: null, error: null };
    this.#threads.add(thread);
    worker.on("message", (message: ThreadReply) => this.#receive(thread, message));
    worker.on("error", (error: Error) => {
      thread.error = error;
    });
    worker.on("exit", (code) => this.#threadEnded(thread, code));
    return thread;
  }

  #receive(thread: JobThread, message: ThreadReply): void {
    if (message.type === "progress") thread.job?.listener.onProgress(message.progress);
    else if (message.type === "log") thread.job?.listener.onLog(message.lines);
    else if (message.type === "checkpoint") thread.job?.listener.onCheckpoint?.(message.bytes);
    else if (message.type !== "ready") endJob(thread, message);
  }

  #threadEnded(thread: JobThread, code: number): void {
    this.#threads.delete(thread);
    const wasRunning = thread.job !== null;
    if (this.#closed || thread.job?.stopTimer !== undefined || thread.job?.isAskedToSave === true)
      endJob(thread, { type: "stopped" });
    else endJob(thread, crashOf(thread.error, code, this.#options.memoryMb));
    // A thread that dies without a job would only die again; the next job finds out, and is told why.
    if (wasRunning && !this.#closed) this.#startThread();
  }
}

function endJob(thread: JobThread, end: JobEnd): void {
  const { job } = thread;
  if (job === null) return;
  thread.job = null;
  clearTimeout(job.stopTimer);
  job.unwatch?.();
  job.end(end);
}

/** Another machine may have more memory, or none of the fault: worth another try, with the evidence. */
function crashOf(error: Error | null, code: number, memoryMb: number): JobEnd {
  const outOfMemory = error !== null && "code" in error && error.code === OUT_OF_MEMORY;
  const problem = outOfMemory
    ? new Problem("internal", `The job's thread ran out of memory; its limit is ${memoryMb} MB.`, {
        cure: "Raise --job-memory-mb on the node, or ask for less in one operation.",
      })
    : new Problem("internal", `The job's thread died: ${error?.message ?? `exit code ${code}`}.`);
  const details = problem.toDetails();
  if (error?.stack !== undefined && !outOfMemory) details.stack = error.stack.slice(0, 2_000);
  return { type: "failed", error: details, retryable: true };
}
