/** What the agent's main thread and a job thread say to each other. */
import type { OperationResult, OperationSpec, ProblemDetails, Progress } from "../../protocol/index.ts";
import type { BarColumns } from "../market-data/index.ts";
import type { TrainingMachine } from "../training-job/index.ts";

/** A job with all that it needs; a thread does no I/O. */
export interface JobInput {
  readonly spec: OperationSpec;
  /** The whole dataset of a job that reads prices, on a SharedArrayBuffer. */
  readonly bars: BarColumns | null;
  readonly dataSha256: string | null;
  /** All of them, of a job that reads several; in the order of the spec. */
  readonly datasets?: readonly JobDataset[];
  /** Of a backtest of a model: its file. */
  readonly model?: Uint8Array;
  /** Of an operator's program: where the attempt before was. */
  readonly checkpoint?: Uint8Array | null;
  /** Of a training run. */
  readonly training?: TrainingSurroundings;
}

/** What a training run needs to know of its node, and of the attempt before it. */
export interface TrainingSurroundings extends TrainingMachine {
  readonly checkpointIntervalMs: number;
  /** Where the attempt before it was. */
  readonly checkpoint: Uint8Array | null;
}

export interface JobDataset {
  readonly bars: BarColumns;
  readonly sha256: string;
}

export interface ThreadRequest {
  readonly input: JobInput;
  /** One Int32 on a SharedArrayBuffer: `STOP` asks the job to end soon, `SAVE_AND_STOP` to make a checkpoint before. */
  readonly flag: Int32Array;
}

export const GO_ON = 0;
export const STOP = 1;
export const SAVE_AND_STOP = 2;

export type ThreadReply =
  /** The engine is loaded; sent once. */
  | { type: "ready" }
  | { type: "progress"; progress: Progress }
  | { type: "log"; lines: string[] }
  /** Where a training run is: another attempt goes on from there. */
  | { type: "checkpoint"; bytes: Uint8Array }
  /** `bytes` is null when the summary is all there is. */
  | { type: "result"; result: OperationResult; bytes: Uint8Array | null }
  | { type: "failed"; error: ProblemDetails; retryable: boolean }
  | { type: "stopped" };
