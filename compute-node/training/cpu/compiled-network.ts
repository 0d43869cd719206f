/** A network as calls of kernels: the common part of an mlp and a recurrent network. */
import type { TrainingSet } from "../network.ts";

/** One batch of examples. */
export interface Batch {
  /** Where examples end; this batch has `count` of them from `first` on. */
  readonly rows: Uint32Array;
  readonly first: number;
  readonly count: number;
}

/** The rows that inputs are copied from. */
export type InputRows = Pick<TrainingSet, "features" | "inputs" | "windowRows">;

export interface CompiledNetwork {
  /** Examples that it has room for. */
  readonly capacity: number;
  /** Address of the outputs, in panels of `capacity` rows; a loss replaces them by their gradient. */
  readonly outputs: number;
  /** Copies a batch's inputs into place. */
  load(set: InputRows, batch: Batch): void;
  /** Computes the outputs of the batch that was loaded. `step` decides dropout; `null` is evaluation. */
  forward(step: number | null): void;
  /** From the outputs' gradient to that of all weights. */
  backward(): void;
}
