/**
 * A thread's limit counts its JavaScript heap; typed arrays lie outside. This watches those, for jobs whose code others
 * wrote: without it, one script could take the memory of the whole machine.
 */
import type { Worker } from "node:worker_threads";

/** Filling a gigabyte takes longer than this. */
const LOOK_EVERY_MS = 100;

/** Calls `onTooMuch` once when the thread's typed arrays hold more than `limitBytes`; the answer ends the watch. */
export function watchMemory(worker: Worker, limitBytes: number, onTooMuch: () => void): () => void {
  let isLooking = false;
  const timer = setInterval(() => {
    if (isLooking) return;
    isLooking = true;
    worker.getHeapStatistics().then(
      ({ external_memory: externalBytes }) => {
        isLooking = false;
        if (externalBytes <= limitBytes) return;
        clearInterval(timer);
        onTooMuch();
      },
      // The thread has not started yet, or it has ended: then its job's end ends the watch.
      () => {
        isLooking = false;
      },
    );
  }, LOOK_EVERY_MS);
  return () => clearInterval(timer);
}
