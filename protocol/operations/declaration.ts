/** Declares one kind of operation for the whole system. Its job is in `compute-node/jobs`. */
import type { z } from "zod";
import type { WorkerType } from "../workers.ts";
import type { DataRequest } from "./data-request.ts";

export interface OperationDeclaration<Spec> {
  /** The specification as it crosses the wire; its `kind` is the row's key in the table. */
  readonly spec: z.ZodType<Spec>;
  /** Every dataset that it reads, in the order in which its job gets them. */
  readonly datasets: (spec: Spec) => DataRequest[];
  /** Gives the one of a node's `capabilities.kinds` that it needs. */
  readonly allowance: (spec: Spec) => string;
  /** True where a node's operator allows it by its kind, which is the default; otherwise another setting allows it. */
  readonly isAllowedByName: boolean;
  /** True where an attempt leaves checkpoints, from which the next one goes on. */
  readonly isCheckpointed: boolean;
  /** Worker types that take it where the submitter names none, in order of preference. */
  readonly workerTypes: readonly WorkerType[];
  /** Gives the name of the model that it leaves; absent where it leaves none. */
  readonly modelName?: (spec: Spec) => string;
}
