/**
 * A job thread: takes one job at a time from the agent, runs it, and hands back its result. It is loaded as a worker
 * thread, so that an engine that is busy for minutes never delays a heartbeat.
 */

import { setPriority } from "node:os";
import { parentPort } from "node:worker_threads";
import { Problem, type ProblemDetails } from "../../protocol/index.ts";
import { type JobInput, JobStopped, type JobTurn, runJob, warmUp } from "../jobs/index.ts";
import { GO_ON, SAVE_AND_STOP, STOP, type ThreadReply, type ThreadRequest } from "./job-messages.ts";

const PROGRESS_INTERVAL_MS = 200;
/** Below the agent's own, so that the agent gets the processor first where there is none to spare. */
const JOB_NICENESS = 5;
const STACK_LENGTH = 2_000;
const PRINTED_LINES = 200;

const port = parentPort;
if (port === null) throw new Error("job-thread.ts runs as a worker thread of the agent, not by itself");

// Linux gives each thread its own niceness; elsewhere this would slow the agent down too.
if (process.platform === "linux") setPriority(JOB_NICENESS);
await warmUp();
port.on("message", ({ input, flag }: ThreadRequest) => void run(input, flag).then(reply));
reply({ type: "ready" });

function reply(message: ThreadReply): void {
  // The copy that structured cloning makes is spared: nobody here reads the bytes again.
  const bytes = message.type === "result" || message.type === "checkpoint" ? message.bytes : null;
  const owned = bytes !== null && bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength;
  port?.postMessage(message, owned ? [bytes.buffer as ArrayBuffer] : []);
}

async function run(input: JobInput, flag: Int32Array): Promise<ThreadReply> {
  try {
    if (Atomics.load(flag, 0) !== GO_ON) return { type: "stopped" };
    return { type: "result", ...(await runJob(input, turnOf(flag))) };
  } catch (thrown) {
    if (thrown instanceof JobStopped) return { type: "stopped" };
    return failure(thrown);
  }
}

/** Sends a job's words to the agent as messages; the agent's answer comes through the flag. */
function turnOf(flag: Int32Array): JobTurn {
  return {
    progress: progressReporter(flag),
    log,
    detail: log,
    print: boundedLog(),
    pause(durationMs, busy) {
      if (busy) burn(durationMs, flag);
      else Atomics.wait(flag, 0, GO_ON, durationMs);
    },
    between: checkpointKeeper(flag),
  };
}

/** Passes progress on now and then, and ends the job where it was told to stop. */
function progressReporter(flag: Int32Array): JobTurn["progress"] {
  let nextAt = 0;
  return (phase, fraction, rates) => {
    if (Atomics.load(flag, 0) === STOP) throw new JobStopped();
    const now = performance.now();
    if (now < nextAt) return;
    nextAt = now + PROGRESS_INTERVAL_MS;
    reply({ type: "progress", progress: { phase, fraction: Math.min(1, Math.max(0, fraction)), rates: { ...rates } } });
  };
}

/** A checkpoint now and then, and a last one where that is asked for. */
function checkpointKeeper(flag: Int32Array): JobTurn["between"] {
  let savedAt = performance.now();
  return async (save, checkpointIntervalMs) => {
    const asked = Atomics.load(flag, 0);
    if (asked === STOP) throw new JobStopped();
    if (asked === SAVE_AND_STOP || performance.now() - savedAt >= checkpointIntervalMs) {
      reply({ type: "checkpoint", bytes: await save() });
      savedAt = performance.now();
    }
    if (asked === SAVE_AND_STOP) throw new JobStopped();
    // Messages of this thread leave it, and are taken in, between two turns.
    await new Promise((resolve) => setImmediate(resolve));
  };
}

function burn(durationMs: number, flag: Int32Array): void {
  const until = performance.now() + durationMs;
  while (performance.now() < until) if (Atomics.load(flag, 0) === STOP) return;
}

/** Passes on a strategy's first lines of output: it may print on each of a million bars. */
function boundedLog(): (line: string) => void {
  let printed = 0;
  return (line) => {
    printed++;
    if (printed <= PRINTED_LINES) log([line]);
    else if (printed === PRINTED_LINES + 1)
      log([`the strategy prints more than ${PRINTED_LINES} lines; the rest is left out`]);
  };
}

function log(lines: readonly string[]): void {
  reply({ type: "log", lines });
}

/** A `Problem` says itself whether another try may help; anything else is a fault of ours, with the stack as evidence. */
function failure(thrown: unknown): ThreadReply {
  const problem = Problem.from(thrown);
  const error: ProblemDetails = problem.toDetails();
  if (!(thrown instanceof Problem) && thrown instanceof Error) error.stack = thrown.stack?.slice(0, STACK_LENGTH);
  return { type: "failed", error, retryable: problem.retryable };
}
