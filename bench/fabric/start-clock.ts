/** Loaded before the job thread's own program: counts the jobs that come in, and keeps the moment of the newest one. */
import { getEnvironmentData, parentPort } from "node:worker_threads";
import { now } from "./clock.ts";

export const START_TIMES = "ktrdr-bench-start-times";

/** Int32: jobs so far. Float64 at byte 8: the moment of the newest. */
const shared = getEnvironmentData(START_TIMES) as SharedArrayBuffer | undefined;

if (parentPort !== null && shared !== undefined) {
  const count = new Int32Array(shared, 0, 1);
  const newestAt = new Float64Array(shared, 8, 1);
  parentPort.on("message", () => {
    newestAt[0] = now();
    Atomics.add(count, 0, 1);
    Atomics.notify(count, 0);
  });
}
