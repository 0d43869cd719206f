/**
 * A job thread: takes one job at a time from the agent, runs the engine on it, and hands back what came out. It is
 * loaded as a worker thread, so that an engine that is busy for minutes never delays a heartbeat.
 */

import { setPriority } from "node:os";
import { parentPort } from "node:worker_threads";
import {
  BACKTEST_RESULT_MEDIA_TYPE,
  type BacktestSpec,
  MODEL_MEDIA_TYPE,
  type ModelBacktestSpec,
  PORTFOLIO_RESULT_MEDIA_TYPE,
  type PortfolioSpec,
  Problem,
  type ProblemDetails,
  type SleepSpec,
  type TrainSpec,
} from "../../protocol/index.ts";
import type { BacktestResult } from "../../results/index.ts";
import { type BacktestArtefact, type BacktestProgress, executeBacktest } from "../backtest/index.ts";
import { executePortfolio } from "../portfolio/index.ts";
import type { TrainingProgress } from "../training-job/index.ts";
import { GO_ON, type JobInput, SAVE_AND_STOP, STOP, type ThreadReply, type ThreadRequest } from "./job-messages.ts";

const PROGRESS_INTERVAL_MS = 200;
/** Below the agent's own, so that the agent gets the processor first where there is none to spare. */
const JOB_NICENESS = 5;
const STACK_LENGTH = 2_000;
const PRINTED_LINES = 200;
/** Shorter sleeps probe how fast work is handed out, and say nothing. */
const TOLD_SLEEP_MS = 100;

/** What every engine hands back. */
interface EngineArtefact extends Omit<BacktestArtefact, "result"> {
  readonly result: Pick<BacktestResult, "bars" | "statistics" | "warnings">;
}

/** Thrown out of the engine when the job was told to stop. */
class JobStopped extends Error {}

const port = parentPort;
if (port === null) throw new Error("job-thread.ts runs as a worker thread of the agent, not by itself");

// Linux gives each thread its own niceness; elsewhere this would slow the agent down too.
if (process.platform === "linux") setPriority(JOB_NICENESS);
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
    if (isStopping(flag)) return { type: "stopped" };
    switch (input.spec.kind) {
      case "sleep":
        return sleep(input.spec, flag);
      case "portfolio":
        return portfolio(input.spec, input, flag);
      case "backtest":
        return backtest(input.spec, input, flag);
      case "model_backtest":
        return await modelBacktest(input.spec, input, flag);
      case "train":
        return await train(input.spec, input, flag);
      case "command":
        throw new Error("a command runs in a process of its own");
    }
  } catch (thrown) {
    if (thrown instanceof JobStopped) return { type: "stopped" };
    return failure(thrown);
  }
}

function backtest(spec: BacktestSpec, { bars, dataSha256 }: JobInput, flag: Int32Array): ThreadReply {
  if (bars === null || dataSha256 === null) throw new Error("a backtest was started without its bars");
  const onLog = boundedLog();
  return engineRun(flag, BACKTEST_RESULT_MEDIA_TYPE, (onProgress) =>
    executeBacktest({ spec, bars, dataSha256, onLog, onProgress }),
  );
}

function portfolio(spec: PortfolioSpec, { datasets }: JobInput, flag: Int32Array): ThreadReply {
  if (datasets === undefined) throw new Error("a portfolio backtest was started without its bars");
  return engineRun(flag, PORTFOLIO_RESULT_MEDIA_TYPE, (onProgress) => executePortfolio({ spec, datasets, onProgress }));
}

async function modelBacktest(
  spec: ModelBacktestSpec,
  { datasets, model }: JobInput,
  flag: Int32Array,
): Promise<ThreadReply> {
  if (datasets === undefined || model === undefined) throw new Error("a model's backtest was started without input");
  // Networks and their kernels: a thread that never needs them does not load them.
  const { runModelBacktest } = await import("../models/index.ts");
  const engine = beginEngine(flag, BACKTEST_RESULT_MEDIA_TYPE);
  return engine.end(await runModelBacktest({ spec, datasets, model, onProgress: engine.onProgress }));
}

function engineRun(
  flag: Int32Array,
  mediaType: string,
  execute: (onProgress: (progress: BacktestProgress) => void) => EngineArtefact,
): ThreadReply {
  const engine = beginEngine(flag, mediaType);
  return engine.end(execute(engine.onProgress));
}

/** How long things took goes into the log alone: an artefact has the same bytes on every machine. */
function beginEngine(flag: Int32Array, mediaType: string) {
  const startedAt = performance.now();
  const report = progressReporter(flag);
  const phases = phaseLog("compile");
  const onProgress = ({ phase, fraction, bars: done }: BacktestProgress): void => {
    phases.enter(phase);
    const seconds = (performance.now() - startedAt) / 1000;
    report(phase, fraction, seconds > 0 ? { barsPerSecond: Math.round(done / seconds) } : {});
  };
  const end = ({ result, bytes, sha256, summary }: EngineArtefact): ThreadReply => {
    const tookMs = performance.now() - startedAt;
    const { bars, statistics, warnings } = result;
    log([
      phases.text(),
      `done in ${tookMs.toFixed(1)} ms: ${bars} bars, ${statistics.tradeCount} trades`,
      ...warnings.map(({ code, message, count }) => `warning: ${message} (${code}, ${count} times)`),
    ]);
    return { type: "result", bytes, result: { sha256, bytes: bytes.byteLength, mediaType, summary } };
  };
  return { onProgress, end };
}

async function train(spec: TrainSpec, { datasets, training }: JobInput, flag: Int32Array): Promise<ThreadReply> {
  if (datasets === undefined || training === undefined) throw new Error("a training run was started without its input");
  const { executeTraining, openBackend } = await import("../training-job/index.ts");
  const startedAt = performance.now();
  const { backend, close } = await openBackend(spec, training, log);
  try {
    const { bytes, sha256, summary } = await executeTraining({
      ...{ spec, datasets, backend, onLog: log },
      ...(training.checkpoint === null ? {} : { checkpoint: training.checkpoint }),
      onProgress: trainingReporter(flag),
      onTurn: turnKeeper(flag, training.checkpointIntervalMs),
    });
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    log([`trained in ${seconds} s on ${backend.name}: ${summary.epochs} epochs, the best is ${summary.best_epoch}`]);
    const result = { sha256, bytes: bytes.byteLength, mediaType: MODEL_MEDIA_TYPE, summary };
    return { type: "result", bytes, result };
  } finally {
    await close();
  }
}

/** Figures of a run as progress; the speed is of the time since the first batch. */
function trainingReporter(flag: Int32Array): (progress: TrainingProgress) => void {
  const report = progressReporter(flag);
  let startedAt: number | null = null;
  return ({ phase, fraction, epoch, loss, accuracy, validationLoss, rows, threads }) => {
    const now = performance.now();
    const seconds = (now - (startedAt ?? now)) / 1000;
    if (phase === "training") startedAt ??= now;
    report(phase, fraction, {
      ...(epoch === 0 ? {} : { epoch }),
      ...(loss === null ? {} : { loss }),
      ...(validationLoss === null ? {} : { validationLoss }),
      ...(accuracy === null ? {} : { accuracy }),
      ...(threads > 1 ? { threads } : {}),
      ...(seconds > 0 && phase === "training" ? { rowsPerSecond: Math.round(rows / seconds) } : {}),
    });
  };
}

/** Between batches: a checkpoint now and then, and a last one where that is asked for. */
function turnKeeper(flag: Int32Array, intervalMs: number) {
  let savedAt = performance.now();
  return async (save: () => Promise<Uint8Array>): Promise<void> => {
    const asked = Atomics.load(flag, 0);
    if (asked === STOP) throw new JobStopped();
    if (asked === SAVE_AND_STOP || performance.now() - savedAt >= intervalMs) {
      reply({ type: "checkpoint", bytes: await save() });
      savedAt = performance.now();
    }
    if (asked === SAVE_AND_STOP) throw new JobStopped();
    // Messages of this thread leave it, and are taken in, between two turns.
    await new Promise((resolve) => setImmediate(resolve));
  };
}

function isStopping(flag: Int32Array): boolean {
  return Atomics.load(flag, 0) !== GO_ON;
}

function sleep(spec: SleepSpec, flag: Int32Array): ThreadReply {
  const startedAt = performance.now();
  const report = progressReporter(flag);
  const isTold = spec.durationMs >= TOLD_SLEEP_MS;
  if (isTold) log([`${spec.busy ? "burns the processor" : "sleeps"} for ${spec.durationMs} ms`]);
  for (;;) {
    const elapsedMs = performance.now() - startedAt;
    if (elapsedMs >= spec.durationMs) break;
    report("sleep", elapsedMs / spec.durationMs, {});
    const pauseMs = Math.min(PROGRESS_INTERVAL_MS, spec.durationMs - elapsedMs);
    if (spec.busy) burn(pauseMs, flag);
    else Atomics.wait(flag, 0, GO_ON, pauseMs);
  }
  if (isTold) log([`done after ${(performance.now() - startedAt).toFixed(0)} ms`]);
  const summary = { duration_ms: spec.durationMs, busy: spec.busy };
  return { type: "result", bytes: null, result: { sha256: null, bytes: 0, mediaType: "application/json", summary } };
}

/** What a strategy prints, up to so many lines: it may print on each of a million bars. */
function boundedLog(): (line: string) => void {
  let printed = 0;
  return (line) => {
    printed++;
    if (printed <= PRINTED_LINES) log([line]);
    else if (printed === PRINTED_LINES + 1)
      log([`the strategy prints more than ${PRINTED_LINES} lines; the rest is left out`]);
  };
}

function log(lines: string[]): void {
  reply({ type: "log", lines });
}

/** How long each phase of an engine took, as one line: a phase lasts until the next one is entered. */
function phaseLog(first: string) {
  let phase = first;
  let since = performance.now();
  const parts: string[] = [];
  const enter = (next: string): void => {
    if (next === phase) return;
    const now = performance.now();
    parts.push(`${phase} ${(now - since).toFixed(1)} ms`);
    [phase, since] = [next, now];
  };
  return {
    enter,
    text(): string {
      enter("");
      return parts.join(", ");
    },
  };
}

function burn(durationMs: number, flag: Int32Array): void {
  const until = performance.now() + durationMs;
  while (performance.now() < until) if (Atomics.load(flag, 0) === STOP) return;
}

/** Passes progress on now and then, and ends the job where it was told to stop. */
function progressReporter(flag: Int32Array) {
  let nextAt = 0;
  return (phase: string, fraction: number, rates: Record<string, number>): void => {
    if (Atomics.load(flag, 0) === STOP) throw new JobStopped();
    const now = performance.now();
    if (now < nextAt) return;
    nextAt = now + PROGRESS_INTERVAL_MS;
    reply({ type: "progress", progress: { phase, fraction: Math.min(1, Math.max(0, fraction)), rates } });
  };
}

/** A `Problem` says itself whether another try may help; anything else is a fault of ours, with the stack as evidence. */
function failure(thrown: unknown): ThreadReply {
  const problem = Problem.from(thrown);
  const error: ProblemDetails = problem.toDetails();
  if (!(thrown instanceof Problem) && thrown instanceof Error) error.stack = thrown.stack?.slice(0, STACK_LENGTH);
  return { type: "failed", error, retryable: problem.retryable };
}
