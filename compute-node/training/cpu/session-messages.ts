/** Messages between a threaded backend and its threads. */
import type { ProblemDetails } from "../../../protocol/problem.ts";
import type { KernelMode } from "../kernels/kernels.ts";
import type { BatchRequest, BatchResults, Evaluation, LearntState, Member } from "../network.ts";

/** The data that a session begins with. */
export interface SessionOrder {
  readonly member: Member;
  readonly mode: KernelMode;
  /** That compute each of its batches. */
  readonly threadCount: number;
}

/** `session` numbers the sessions of a thread, `call` its questions. */
export type ThreadRequest = { readonly session: number; readonly call: number } & (
  | ({ readonly kind: "create" } & SessionOrder)
  | { readonly kind: "train"; readonly request: BatchRequest }
  | { readonly kind: "evaluate"; readonly rows: Uint32Array }
  | { readonly kind: "getState" }
  | { readonly kind: "setState"; readonly state: LearntState }
  | { readonly kind: "dispose" }
);

export type ThreadValue = BatchResults | Evaluation | LearntState | null;

export type ThreadAnswer = { readonly call: number } & (
  | { readonly value: ThreadValue }
  | { readonly problem: ProblemDetails }
);
