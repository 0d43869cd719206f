/** Training: a network, how to train it and a set of rows in; weights and their history out. */
export type { RunPosition } from "./checkpoint.ts";
export { cpuBackend } from "./cpu/backend.ts";
export { openSplitBackend } from "./cpu/split-backend.ts";
export { openThreadedBackend } from "./cpu/threaded-backend.ts";
export {
  type Member,
  type NetworkSpec,
  parameterLayout,
  type TrainingBackend,
  type TrainingOptions,
  type TrainingSet,
} from "./network.ts";
export { TrainingRun } from "./train.ts";
export { TrainingTurns } from "./turns.ts";
