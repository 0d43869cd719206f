/** What the whole system must know of one kind of operation; what its job does is in `compute-node/jobs`. */
import type { z } from "zod";
import type { WorkerType } from "../workers.ts";
import type { DataRequest } from "./data-request.ts";

export interface OperationDeclaration<Spec> {
  /** What is asked for, as it crosses the wire; its `kind` is the row's key in the table. */
  readonly spec: z.ZodType<Spec>;
  /** Every dataset that it reads, in the order in which its job gets them. */
  readonly datasets: (spec: Spec) => DataRequest[];
  /** Which of a node's `capabilities.kinds` it needs. */
  readonly allowance: (spec: Spec) => string;
  /** A node's operator allows it by its kind, and does so where nothing is said; otherwise another setting does. */
  readonly isAllowedByName: boolean;
  /** An attempt leaves checkpoints, from which the next one goes on. */
  readonly isCheckpointed: boolean;
  /** Workers that take it where the submitter names none, in order of preference. */
  readonly workerTypes: readonly WorkerType[];
  /** The name that the model gets which it leaves; absent where it leaves none. */
  readonly modelName?: (spec: Spec) => string;
}
