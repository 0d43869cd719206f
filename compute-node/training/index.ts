/** Training: a network, how to train it and a set of rows in; weights and their history out. */
export { checkMember } from "./check-member.ts";
export { type Checkpoint, decodeCheckpoint, type EpochRecord, type RunPosition } from "./checkpoint.ts";
export { cpuBackend } from "./cpu/backend.ts";
export { openSplitBackend } from "./cpu/split-backend.ts";
export { openThreadedBackend, type ThreadedBackend } from "./cpu/threaded-backend.ts";
export type { KernelMode } from "./kernels/kernels.ts";
export {
  ACTIVATIONS,
  type Activation,
  type EarlyStoppingSpec,
  type Evaluation,
  type Labels,
  type LearntState,
  type LossSpec,
  type Member,
  type MlpSpec,
  type NetworkSpec,
  type OptimiserSpec,
  type ParameterLayout,
  type ParameterTensor,
  parameterLayout,
  type RecurrentSpec,
  type ScheduleSpec,
  type TrainingBackend,
  type TrainingOptions,
  type TrainingSession,
  type TrainingSet,
} from "./network.ts";
export { initialParameters } from "./random.ts";
export { runIdentity, type TrainedNetwork, TrainingRun } from "./train.ts";
export { TrainingTurns, trainAll, trainPopulation } from "./turns.ts";
