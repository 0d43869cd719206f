/** The common part of all backtest engines' jobs: progress in bars, and a log of the time that each phase took. */
import type { BacktestResult } from "../../results/index.ts";
import type { BacktestArtefact, BacktestProgress } from "../backtest/index.ts";
import type { JobResult, JobTurn } from "./job.ts";

/** The common part of every engine's result. */
interface EngineArtefact extends Omit<BacktestArtefact, "result"> {
  readonly result: Pick<BacktestResult, "bars" | "statistics" | "warnings">;
}

/** Times go into the log alone: an artefact has the same bytes on every machine. */
export async function runEngine(
  turn: JobTurn,
  mediaType: string,
  execute: (onProgress: (progress: BacktestProgress) => void) => EngineArtefact | Promise<EngineArtefact>,
): Promise<JobResult> {
  const startedAt = performance.now();
  const phases = phaseLog("compile");
  const { result, bytes, sha256, summary } = await execute(({ phase, fraction, bars }) => {
    phases.enter(phase);
    const seconds = (performance.now() - startedAt) / 1000;
    turn.progress(phase, fraction, seconds > 0 ? { barsPerSecond: Math.round(bars / seconds) } : {});
  });
  const tookMs = performance.now() - startedAt;
  turn.detail([
    phases.text(),
    `done in ${tookMs.toFixed(1)} ms: ${result.bars} bars, ${result.statistics.tradeCount} trades`,
    ...result.warnings.map(({ code, message, count }) => `warning: ${message} (${code}, ${count} times)`),
  ]);
  return { bytes, result: { sha256, bytes: bytes.byteLength, mediaType, summary } };
}

/** Writes the time of each phase of an engine as one line. A phase lasts until the next one is entered. */
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
