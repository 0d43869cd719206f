/** Optimisers by their definitions in torch.optim: one weight at a time. */
import type { OptimiserSpec } from "../network.ts";

/** Moves `weights` against `gradients`; `moments` are as in `LearntState`, `steps` counts this one. */
export function updateWeights(
  spec: OptimiserSpec,
  learningRate: number,
  weights: Float64Array,
  gradients: Float64Array,
  moments: readonly Float64Array[],
  steps: number,
): void {
  const [first, second] = moments;
  for (let at = 0; at < gradients.length; at++) {
    if (spec.kind === "adamw") weights[at] *= 1 - learningRate * spec.weightDecay;
    const gradient = gradients[at] + (spec.kind === "adamw" ? 0 : spec.weightDecay * weights[at]);
    if (spec.kind === "sgd") {
      if (spec.momentum > 0) first[at] = spec.momentum * first[at] + gradient;
      weights[at] -= learningRate * (spec.momentum > 0 ? first[at] : gradient);
    } else if (spec.kind === "rmsprop") {
      first[at] = spec.alpha * first[at] + (1 - spec.alpha) * gradient ** 2;
      weights[at] -= (learningRate * gradient) / (Math.sqrt(first[at]) + spec.epsilon);
    } else {
      first[at] = spec.beta1 * first[at] + (1 - spec.beta1) * gradient;
      second[at] = spec.beta2 * second[at] + (1 - spec.beta2) * gradient ** 2;
      const mean = first[at] / (1 - spec.beta1 ** steps);
      const root = Math.sqrt(second[at] / (1 - spec.beta2 ** steps));
      weights[at] -= (learningRate * mean) / (root + spec.epsilon);
    }
  }
}
