/** Nothing at all, for a while. */
import type { SleepSpec } from "../../protocol/index.ts";
import type { ThreadJob } from "./job.ts";

interface SleepInput {
  readonly kind: "sleep";
  readonly spec: SleepSpec;
}

/** Shorter sleeps probe how fast work is handed out, and say nothing. */
const TOLD_SLEEP_MS = 100;
/** The longest pause between two words of progress. */
const LONGEST_PAUSE_MS = 200;

export const sleepJob: ThreadJob<SleepSpec, SleepInput> = {
  place: "thread",
  input: (spec) => ({ kind: "sleep", spec }),
  async run({ spec: { durationMs, busy } }, turn) {
    const startedAt = performance.now();
    const isTold = durationMs >= TOLD_SLEEP_MS;
    if (isTold) turn.log([`${busy ? "burns the processor" : "sleeps"} for ${durationMs} ms`]);
    for (;;) {
      const elapsedMs = performance.now() - startedAt;
      if (elapsedMs >= durationMs) break;
      turn.progress("sleep", elapsedMs / durationMs, {});
      turn.pause(Math.min(LONGEST_PAUSE_MS, durationMs - elapsedMs), busy);
    }
    if (isTold) turn.log([`done after ${(performance.now() - startedAt).toFixed(0)} ms`]);
    const summary = { duration_ms: durationMs, busy };
    return { bytes: null, result: { sha256: null, bytes: 0, mediaType: "application/json", summary } };
  },
};
