/** Losses by their definitions. */
import type { LossSpec } from "../network.ts";
import { get, type Matrix, matrix } from "./matrix.ts";

export interface LossResult {
  readonly loss: number;
  /** The derivative of the loss by the outputs. */
  readonly gradient: Matrix;
}

/** The mean loss of a batch; `targets` has a class, or a value, for each row of `outputs`. */
export function measureLoss(spec: LossSpec, outputs: Matrix, targets: ArrayLike<number>): LossResult {
  switch (spec.kind) {
    case "cross_entropy":
      return crossEntropy(outputs, targets, spec.classWeights);
    case "focal":
      return focal(outputs, targets, spec.classWeights, spec.gamma);
    case "huber":
      return byError(outputs, targets, (error) =>
        Math.abs(error) <= spec.delta
          ? [0.5 * error * error, error]
          : [spec.delta * (Math.abs(error) - 0.5 * spec.delta), Math.sign(error) * spec.delta],
      );
    case "mse":
      return byError(outputs, targets, (error) => [error * error, 2 * error]);
  }
}

/** Probabilities of one row. */
function softmax(outputs: Matrix, row: number): Float64Array {
  const scores = outputs.values.subarray(row * outputs.columns, (row + 1) * outputs.columns);
  const largest = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

function crossEntropy(outputs: Matrix, targets: ArrayLike<number>, weights: readonly number[] | null): LossResult {
  const weightOf = (row: number) => weights?.[targets[row]] ?? 1;
  let divisor = 0;
  for (let row = 0; row < outputs.rows; row++) divisor += weightOf(row);
  let loss = 0;
  const gradient = matrix(outputs.rows, outputs.columns);
  for (let row = 0; row < outputs.rows; row++) {
    const probabilities = softmax(outputs, row);
    loss -= (weightOf(row) * Math.log(probabilities[targets[row]])) / divisor;
    for (let column = 0; column < outputs.columns; column++) {
      const excess = probabilities[column] - (column === targets[row] ? 1 : 0);
      gradient.values[row * outputs.columns + column] = (weightOf(row) * excess) / divisor;
    }
  }
  return { loss, gradient };
}

function focal(
  outputs: Matrix,
  targets: ArrayLike<number>,
  weights: readonly number[] | null,
  gamma: number,
): LossResult {
  let loss = 0;
  const gradient = matrix(outputs.rows, outputs.columns);
  for (let row = 0; row < outputs.rows; row++) {
    const weight = (weights?.[targets[row]] ?? 1) / outputs.rows;
    const probabilities = softmax(outputs, row);
    const p = probabilities[targets[row]];
    loss -= weight * (1 - p) ** gamma * Math.log(p);
    const byProbability = gamma * (1 - p) ** (gamma - 1) * Math.log(p) - (1 - p) ** gamma / p;
    for (let column = 0; column < outputs.columns; column++) {
      const probabilityByOutput = p * ((column === targets[row] ? 1 : 0) - probabilities[column]);
      gradient.values[row * outputs.columns + column] = weight * byProbability * probabilityByOutput;
    }
  }
  return { loss, gradient };
}

function byError(
  outputs: Matrix,
  targets: ArrayLike<number>,
  measure: (error: number) => [loss: number, slope: number],
): LossResult {
  let loss = 0;
  const gradient = matrix(outputs.rows, outputs.columns);
  for (let row = 0; row < outputs.rows; row++) {
    const [rowLoss, slope] = measure(get(outputs, row, 0) - targets[row]);
    loss += rowLoss / outputs.rows;
    gradient.values[row * outputs.columns] = slope / outputs.rows;
  }
  return { loss, gradient };
}
