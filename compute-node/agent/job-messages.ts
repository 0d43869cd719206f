/** Messages between the agent's main thread and a job thread. */
import type { OperationResult, ProblemDetails, Progress } from "../../protocol/index.ts";
import type { JobInput } from "../jobs/index.ts";

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
  | { type: "log"; lines: readonly string[] }
  /** Where a training run is: another attempt goes on from there. */
  | { type: "checkpoint"; bytes: Uint8Array }
  /** `bytes` is null when the summary is all there is. */
  | { type: "result"; result: OperationResult; bytes: Uint8Array | null }
  | { type: "failed"; error: ProblemDetails; retryable: boolean }
  | { type: "stopped" };
