/** The loss of raw outputs in float64: what an evaluation answers, since outputs come back to this machine anyway. */
import type { Labels, LossSpec } from "../network.ts";

interface MeanLoss {
  /** By the definitions of `LossSpec`. */
  readonly loss: number;
  /** Largest output at the class (the first of equal ones); for a regression, output and value both above 0 or neither. */
  readonly correct: number;
}

/** Of `outputs` [example, output], which answer the rows' labels. */
export function meanLoss(outputs: ArrayLike<number>, rows: Uint32Array, labels: Labels, loss: LossSpec): MeanLoss {
  if (loss.kind === "cross_entropy" || loss.kind === "focal") return meanClassLoss(outputs, rows, labels.values, loss);
  let sum = 0;
  let correct = 0;
  for (let example = 0; example < rows.length; example++) {
    const value = labels.values[rows[example]];
    const size = Math.abs(outputs[example] - value);
    if (loss.kind === "mse") sum += size * size;
    else sum += size <= loss.delta ? 0.5 * size * size : loss.delta * (size - 0.5 * loss.delta);
    if (outputs[example] > 0 === value > 0) correct++;
  }
  return { loss: sum / rows.length, correct };
}

function meanClassLoss(
  outputs: ArrayLike<number>,
  rows: Uint32Array,
  classes: ArrayLike<number>,
  loss: Extract<LossSpec, { classWeights: unknown }>,
): MeanLoss {
  const count = outputs.length / rows.length;
  let sum = 0;
  let weights = 0;
  let correct = 0;
  for (let example = 0; example < rows.length; example++) {
    const first = example * count;
    const label = classes[rows[example]];
    let largest = 0;
    for (let option = 1; option < count; option++) {
      if (outputs[first + option] > outputs[first + largest]) largest = option;
    }
    let powers = 0;
    for (let option = 0; option < count; option++)
      powers += Math.exp(outputs[first + option] - outputs[first + largest]);
    const logProbability = outputs[first + label] - outputs[first + largest] - Math.log(powers);
    const weight = loss.classWeights?.[label] ?? 1;
    const focus = loss.kind === "focal" ? (1 - Math.exp(logProbability)) ** loss.gamma : 1;
    sum -= weight * focus * logProbability;
    weights += loss.kind === "focal" ? 1 : weight;
    if (largest === label) correct++;
  }
  return { loss: sum / weights, correct };
}
