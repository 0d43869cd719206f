/** Runs jobs for `--local`: the same jobs as on nodes, in this process, on this machine's market data. */
import { availableParallelism } from "node:os";
import { inputOf, type JobResult, type JobSources, type JobTurn, runJob } from "../../compute-node/jobs/index.ts";
import { MarketDataStore } from "../../compute-node/market-data/index.ts";
import { datasetsOf, OPERATIONS, type OperationKind, type SpecOf } from "../../protocol/operations/index.ts";
import { Problem } from "../../protocol/problem.ts";
import type { Finished } from "../api/fleet-run.ts";
import { type Context, EXIT } from "../terminal/context.ts";
import { durationText } from "../terminal/duration.ts";
import { type Interrupts, listenForInterrupts } from "../terminal/interrupt.ts";
import { barText, CLEAR_LINE, ratesText } from "../terminal/progress.ts";

interface LocalRun {
  /** The line to print at the end, such as `Ran in this process on 1000 bars`. */
  readonly told: (result: JobResult) => string;
  /** The file of the model that the specification names. */
  readonly model?: Uint8Array;
}

const REDRAWN_MS = 100;

/** Null after Ctrl-C. Throws a `Problem` for data that is not here, and the job's own error. */
export async function runHere<Kind extends OperationKind>(
  context: Context,
  spec: SpecOf<Kind>,
  { told, model }: LocalRun,
): Promise<Finished | null> {
  const input = await inputOf(spec, await sourcesHere(context, spec, model));
  // An engine that never pauses cannot notice a signal. So the signal ends the process, as it does by default.
  const interrupts = OPERATIONS[spec.kind].isCheckpointed ? listenForInterrupts() : null;
  const line = progressLine(context);
  const started = performance.now();
  try {
    const result = await runJob(input, turnHere(context, line, interrupts));
    line.clear();
    context.note(`${told(result)} in ${durationText(performance.now() - started)}.`);
    if (result.bytes === null) throw new Error(`a ${spec.kind} leaves no bytes`);
    return { bytes: result.bytes, operationId: null };
  } catch (error) {
    line.clear();
    if (interrupts?.signal.aborted !== true) throw error;
    context.note("Stopped; nothing is kept of it.");
    context.exitCode = EXIT.interrupted;
    return null;
  } finally {
    interrupts?.release();
  }
}

async function sourcesHere<Kind extends OperationKind>(
  context: Context,
  spec: SpecOf<Kind>,
  model: Uint8Array | undefined,
): Promise<JobSources> {
  const store = new MarketDataStore(context.home.data);
  const datasets = datasetsOf(spec).map(async (request) => {
    // The range is looked for here, and cut by the engine.
    const { sha256 } = (await store.read(request)).manifest;
    return { bars: await store.open(sha256), sha256 };
  });
  return {
    datasets: await Promise.all(datasets),
    async model(sha256) {
      if (model !== undefined) return model;
      throw new Problem("data-not-found", `The model ${sha256} is not on this machine.`);
    },
    checkpoint: async () => null,
    training: {
      gpu: { allowSoftware: false },
      threads: availableParallelism(),
      // A run here gives the same bytes on every machine, unless a GPU is asked for.
      prefersCpu: true,
      checkpointIntervalMs: Number.POSITIVE_INFINITY,
    },
  };
}

interface ProgressLine {
  draw: JobTurn["progress"];
  clear(): void;
}

function turnHere(context: Context, line: ProgressLine, interrupts: Interrupts | null): JobTurn {
  const log = (lines: readonly string[]): void => {
    line.clear();
    for (const text of lines) context.note(text);
  };
  return {
    progress: line.draw,
    log,
    detail() {},
    print: (text) => log([text]),
    pause(durationMs, busy) {
      const until = performance.now() + durationMs;
      if (!busy) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, durationMs);
      while (performance.now() < until);
    },
    async between() {
      // Signals are heard between two turns.
      await new Promise((proceed) => setImmediate(proceed));
      interrupts?.signal.throwIfAborted();
    },
  };
}

/** One line that is redrawn on a terminal, and nothing elsewhere. */
function progressLine({ stderr }: Context): ProgressLine {
  if (stderr.isTTY !== true) return { draw: () => {}, clear: () => {} };
  let isDrawn = false;
  let nextAt = 0;
  return {
    draw(phase, fraction, rates) {
      const now = performance.now();
      if (now < nextAt) return;
      nextAt = now + REDRAWN_MS;
      const figures = ratesText(rates);
      const line = `${barText(fraction)}  ${phase}${figures === "" ? "" : `, ${figures}`}`;
      stderr.write(`${CLEAR_LINE}${line.slice(0, (stderr.columns ?? 80) - 1)}`);
      isDrawn = true;
    },
    clear() {
      if (isDrawn) stderr.write(CLEAR_LINE);
      isDrawn = false;
      nextAt = 0;
    },
  };
}
