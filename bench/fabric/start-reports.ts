/** Reports the jobs that a worker process starts to the benchmark. */
import type { WorkerOptions, WorkerReport } from "./queue.ts";

const REPORT_EVERY_JOBS = 100;
const REPORT_EVERY_MS = 100;

export function tell(report: WorkerReport): void {
  process.send?.(report);
}

/** Answers a function that takes the count and the moment of the newest start, and sends a message where one is due. */
export function startReporter({ jobs, prompt }: Pick<WorkerOptions, "jobs" | "prompt">) {
  let toldAt = 0;
  let toldCount = 0;
  return (count: number, at: number): void => {
    const due =
      prompt ||
      count >= jobs ||
      count - toldCount >= REPORT_EVERY_JOBS ||
      performance.now() - toldAt >= REPORT_EVERY_MS;
    if (!due || count === toldCount) return;
    toldAt = performance.now();
    toldCount = count;
    tell({ type: "started", count, at });
  };
}
