/** A job: what one kind of operation starts from, and how it is done. */
import type { Lease, OperationResult, Progress } from "../../protocol/index.ts";
import type { BarColumns } from "../market-data/index.ts";
import type { Programs, RunningProgram } from "../programs/index.ts";
import type { TrainingMachine } from "../training-job/index.ts";

export interface JobDataset {
  /** The whole dataset, on a SharedArrayBuffer; engines cut the range that is asked for. */
  readonly bars: BarColumns;
  readonly sha256: string;
}

/** What a training run needs to know of the machine that it runs on. */
export interface TrainingSurroundings extends TrainingMachine {
  readonly checkpointIntervalMs: number;
}

/** Where a job's input comes from: a node's caches and the workspace's store, or the disk of one's own machine. */
export interface JobSources {
  /** In the order of `datasetsOf(spec)`. */
  readonly datasets: readonly JobDataset[];
  /** The file of the model that the hash names. */
  model(sha256: string): Promise<Uint8Array>;
  /** Where the attempt before was; null without one. */
  checkpoint(): Promise<Uint8Array | null>;
  readonly training: TrainingSurroundings;
}

/** What a running job says to whoever runs it, and hears from there. */
export interface JobTurn {
  /** `fraction` is 0 to 1. Throws `JobStopped` when the job was told to stop. */
  progress(phase: string, fraction: number, rates: Readonly<Record<string, number>>): void;
  log(lines: readonly string[]): void;
  /** How long things took, and the like: for the log of a node, and nothing for a run in one's own terminal. */
  detail(lines: readonly string[]): void;
  /** Takes a line that a strategy prints: it may print on each of a million bars. */
  print(line: string): void;
  /** Lets so much time pass, or less when the job is told to stop; with `busy` it burns the processor meanwhile. */
  pause(durationMs: number, busy: boolean): void;
  /**
   * Between two steps of the work: saves where a checkpoint is due, and lets messages in and out. Throws `JobStopped`, or
   * whatever else ends the run.
   */
  between(save: () => Promise<Uint8Array>, checkpointIntervalMs: number): Promise<void>;
}

/** Thrown out of a job that was told to stop. */
export class JobStopped extends Error {}

export interface JobResult {
  readonly result: OperationResult;
  /** Null when the summary is all there is. */
  readonly bytes: Uint8Array | null;
}

/** What a process of its own says while it runs. */
export interface ProcessListener {
  readonly onProgress: (progress: Progress) => void;
  readonly onLog: (lines: readonly string[]) => void;
  readonly onCheckpoint?: (bytes: Uint8Array) => void;
}

interface JobDeclaration<Spec, Input> {
  /** Gathers what the job needs, since a thread does no I/O. Throws what the sources throw. */
  input(spec: Spec, sources: JobSources): Input | Promise<Input>;
}

/** A job that a thread of the node runs, or `--local` in its own process. */
export interface ThreadJob<Spec, Input> extends JobDeclaration<Spec, Input> {
  readonly place: "thread";
  /** Loads the engine before the first job comes; without it, the first job loads it. */
  readonly warmUp?: () => Promise<unknown>;
  /** How long a job that was told to stop may take before its thread is killed; undefined for the usual time. */
  stopGraceMs?(input: Input): number | undefined;
  run(input: Input, turn: JobTurn): Promise<JobResult>;
}

/** A job that runs in a process of its own. */
export interface ProcessJob<Spec, Input> extends JobDeclaration<Spec, Input> {
  readonly place: "process";
  /** Throws a `Problem` for what this node does not run. */
  start(input: Input, lease: Lease, listener: ProcessListener, programs: Programs): RunningProgram;
}

export type Job<Spec, Input> = ThreadJob<Spec, Input> | ProcessJob<Spec, Input>;
