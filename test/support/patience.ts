/**
 * Stretches the time that tests wait for something that may hang. Such a deadline asserts nothing, so it grows on a slow or
 * busy machine. A deadline that a test asserts, such as a recovery within ten seconds, stays as it is written.
 */
import { spawnSync } from "node:child_process";
import process from "node:process";

/** The variable that hands a run's factor to every process of the run, as the least: the machine may have become busier. */
const VARIABLE = "KTRDR_PATIENCE";
const LARGEST_FACTOR = 4;
const SAMPLES = 5;
/** Median of a start of Node on two cores of an AMD EPYC with nothing else running, where the deadlines were chosen. */
const USUAL_START_MS = 45;

let factor: number | undefined;

/** That deadline on this machine, in milliseconds: one to four times as long. */
export function patience(deadlineMs: number): number {
  factor ??= measure(handedDown());
  return Math.round(deadlineMs * factor);
}

/** Null where nothing, or nothing sensible, was handed down. */
function handedDown(): number | null {
  const value = Number(process.env[VARIABLE]);
  return value >= 1 && value <= LARGEST_FACTOR ? value : null;
}

/** Starts Node a few times, prints what came out where it is news, and hands it to the processes that are started from here. */
function measure(least: number | null): number {
  const startsMs = Array.from({ length: SAMPLES }, startOfNodeMs).sort((left, right) => left - right);
  const medianMs = startsMs[SAMPLES >> 1]!;
  const measured = Math.min(LARGEST_FACTOR, Math.max(1, medianMs / USUAL_START_MS));
  const rounded = Number(measured.toFixed(2));
  if (least !== null && rounded <= least) return least;
  console.log(`Node starts in ${medianMs.toFixed(0)} ms here: deadlines for what hangs are ${rounded} times as long.`);
  process.env[VARIABLE] = String(rounded);
  return rounded;
}

function startOfNodeMs(): number {
  const startedAt = performance.now();
  spawnSync(process.execPath, ["-e", "0"], { stdio: "ignore" });
  return performance.now() - startedAt;
}
