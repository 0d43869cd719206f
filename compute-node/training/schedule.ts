/** Decides after an epoch: the next learning rate, and if the run stops. Definitions as in torch.optim. */
import type { EarlyStoppingSpec, ScheduleSpec } from "./network.ts";

/** A plateau's best loss counts as beaten below best x (1 - this). */
const PLATEAU_THRESHOLD = 1e-4;
/** A learning rate that would change by less stays. */
const SMALLEST_CHANGE = 1e-8;

export interface ScheduleState {
  readonly learningRate: number;
  /** Lowest loss so far, for a plateau; `null` before the first epoch. */
  readonly best: number | null;
  /** Epochs in a row without a better one. */
  readonly badEpochs: number;
}

export function startSchedule(learningRate: number): ScheduleState {
  return { learningRate, best: null, badEpochs: 0 };
}

/** The state after an epoch, counted from 1, that ended with this loss. */
export function nextRate(spec: ScheduleSpec, state: ScheduleState, epoch: number, loss: number): ScheduleState {
  const { learningRate } = state;
  switch (spec.kind) {
    case "constant":
      return state;
    case "exponential":
      return { ...state, learningRate: learningRate * spec.factor };
    case "step":
      return epoch % spec.epochs === 0 ? { ...state, learningRate: learningRate * spec.factor } : state;
    case "reduce_on_plateau": {
      if (state.best === null || loss < state.best * (1 - PLATEAU_THRESHOLD)) {
        return { learningRate, best: loss, badEpochs: 0 };
      }
      if (state.badEpochs + 1 <= spec.patience) return { ...state, badEpochs: state.badEpochs + 1 };
      const reduced = learningRate * spec.factor;
      const isChange = learningRate - reduced > SMALLEST_CHANGE;
      return { ...state, learningRate: isChange ? reduced : learningRate, badEpochs: 0 };
    }
  }
}

export interface StoppingState {
  /** Best score so far: accuracy, or the loss with its sign turned. */
  readonly best: number | null;
  readonly badEpochs: number;
}

export const STOPPING_START: StoppingState = { best: null, badEpochs: 0 };

/** The state after an epoch; to stop once `badEpochs` has reached the patience. */
export function nextStopping(
  spec: EarlyStoppingSpec,
  state: StoppingState,
  loss: number,
  accuracy: number,
): StoppingState {
  const score = spec.monitor === "validation_loss" ? -loss : accuracy;
  if (state.best === null || score >= state.best + spec.minDelta) return { best: score, badEpochs: 0 };
  return { ...state, badEpochs: state.badEpochs + 1 };
}
