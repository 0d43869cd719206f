/** Worker processes as the benchmark sees them: forked, counted, killed. */
import { type ChildProcess, fork } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import type { QueueWorker, WorkerReport, WorkerTask } from "./queue.ts";

const READY_WITHIN_MS = 60_000;

/** Starts `program` with the task, and resolves when it says that it is ready. Its output goes to `logFile`. */
export async function startWorkerProcess(program: URL, task: WorkerTask, logFile: string): Promise<QueueWorker> {
  const log = openSync(logFile, "a");
  const child = fork(program, [JSON.stringify(task)], { stdio: ["ignore", log, log, "ipc"] });
  closeSync(log);
  let newest = { count: 0, at: 0 };
  const waiting = new Set<() => void>();
  const ready = Promise.withResolvers<void>();
  child.on("message", (report: WorkerReport) => {
    if (report.type === "ready") ready.resolve();
    else newest = report;
    for (const look of waiting) look();
  });
  child.once("exit", (code) =>
    ready.reject(new Error(`a worker ended with code ${code}; its output is in ${logFile}`)),
  );
  const timer = setTimeout(() => ready.reject(new Error(`a worker was not ready; see ${logFile}`)), READY_WITHIN_MS);
  try {
    await ready.promise;
  } catch (error) {
    await killed(child);
    throw error;
  } finally {
    clearTimeout(timer);
  }
  return {
    pid: child.pid!,
    starts: () => newest,
    started: (count, withinMs) =>
      new Promise((resolve) => {
        const settle = (at: number | null): void => {
          clearTimeout(limit);
          waiting.delete(look);
          resolve(at);
        };
        const look = (): void => {
          if (newest.count >= count) settle(newest.at);
        };
        const limit = setTimeout(() => settle(null), withinMs);
        waiting.add(look);
        look();
      }),
    kill: () => killed(child),
  };
}

function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.kill("SIGKILL");
  });
}
