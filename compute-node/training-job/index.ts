/** A training run as a job: a specification and bars in, a model's file out. */
export { openBackend, type TrainingMachine } from "./backend.ts";
export { executeTraining, type TrainingProgress, type TrainingRequest } from "./execute.ts";
export { CHECKPOINT_MEDIA_TYPE } from "./media-type.ts";
