/** Every kind's job, in one table: what a node's threads, its agent and `--local` run. */
import type { Lease, OperationKind, SpecOf } from "../../protocol/index.ts";
import type { Programs, RunningProgram } from "../programs/index.ts";
import { backtestJob } from "./backtest.ts";
import { commandJob } from "./command.ts";
import type { Job, JobResult, JobSources, JobTurn, ProcessListener } from "./job.ts";
import { modelBacktestJob } from "./model-backtest.ts";
import { portfolioJob } from "./portfolio.ts";
import { sleepJob } from "./sleep.ts";
import { trainJob } from "./train.ts";

export {
  type JobDataset,
  type JobResult,
  type JobSources,
  JobStopped,
  type JobTurn,
  type TrainingSurroundings,
} from "./job.ts";

const TABLE = {
  backtest: backtestJob,
  portfolio: portfolioJob,
  train: trainJob,
  model_backtest: modelBacktestJob,
  command: commandJob,
  sleep: sleepJob,
} satisfies {
  readonly [Kind in OperationKind]: Job<SpecOf<Kind>, { readonly kind: Kind; readonly spec: SpecOf<Kind> }>;
};

/** What a job of one kind starts from, or of any: all that it needs, since a thread does no I/O. */
export type JobInput<Kind extends OperationKind = OperationKind> = {
  [K in Kind]: Awaited<ReturnType<(typeof TABLE)[K]["input"]>> & { readonly kind: K };
}[Kind];

const JOBS: { readonly [Kind in OperationKind]: Job<SpecOf<Kind>, JobInput<Kind>> } = TABLE;

/** Gathers what the job of a specification starts from. Throws what the sources throw. */
export async function inputOf<Kind extends OperationKind>(
  spec: SpecOf<Kind>,
  sources: JobSources,
): Promise<JobInput<Kind>> {
  const job: Job<SpecOf<Kind>, JobInput<Kind>> = JOBS[spec.kind];
  return job.input(spec, sources);
}

/** Loads the engines that a thread should have before its first job comes. */
export async function warmUp(): Promise<void> {
  await Promise.all(Object.values(JOBS).map((job) => (job.place === "thread" ? job.warmUp?.() : undefined)));
}

/** Runs the job in this thread. Rejects with `JobStopped` when it was told to stop, with what its engine throws otherwise. */
export async function runJob<Kind extends OperationKind>(input: JobInput<Kind>, turn: JobTurn): Promise<JobResult> {
  const job: Job<SpecOf<Kind>, JobInput<Kind>> = JOBS[input.kind];
  if (job.place === "process") throw new Error(`a ${input.kind} runs in a process of its own`);
  return job.run(input, turn);
}

/** Starts a job that runs in a process of its own; null for one that a thread runs. */
export function startProcess<Kind extends OperationKind>(
  input: JobInput<Kind>,
  lease: Lease,
  listener: ProcessListener,
  programs: Programs,
): RunningProgram | null {
  const job: Job<SpecOf<Kind>, JobInput<Kind>> = JOBS[input.kind];
  return job.place === "process" ? job.start(input, lease, listener, programs) : null;
}

/** How long the job may take to stop before its thread is killed; undefined for the usual time. */
export function stopGraceMsOf<Kind extends OperationKind>(input: JobInput<Kind>): number | undefined {
  const job: Job<SpecOf<Kind>, JobInput<Kind>> = JOBS[input.kind];
  return job.place === "thread" ? job.stopGraceMs?.(input) : undefined;
}
