/** A multilayer perceptron by its definition; see `MlpSpec`. */
import {
  type Activation,
  BATCH_NORM_EPSILON,
  BATCH_NORM_MOMENTUM,
  LEAKY_SLOPE,
  type MlpSpec,
  parameterLayout,
} from "../network.ts";
import { columnSums, get, type Matrix, map, multiply, transpose } from "./matrix.ts";
import { Parameters } from "./parameters.ts";

/** Tells if dropout keeps a value of hidden layer `place`. */
export type Keeps = (place: number, row: number, column: number) => boolean;

export interface ForwardPass {
  readonly outputs: Matrix;
  /** From the outputs' gradient to that of all weights. */
  backward(gradient: Matrix): Parameters;
}

function activationOf(activation: Activation): { value(z: number): number; slope(z: number): number } {
  const sigmoid = (z: number) => 1 / (1 + Math.exp(-z));
  switch (activation) {
    case "relu":
      return { value: (z) => Math.max(0, z), slope: (z) => (z > 0 ? 1 : 0) };
    case "leaky_relu":
      return { value: (z) => (z > 0 ? z : LEAKY_SLOPE * z), slope: (z) => (z > 0 ? 1 : LEAKY_SLOPE) };
    case "tanh":
      return { value: Math.tanh, slope: (z) => 1 - Math.tanh(z) ** 2 };
    case "sigmoid":
      return { value: sigmoid, slope: (z) => sigmoid(z) * (1 - sigmoid(z)) };
  }
}

/** `inputs` is [row, input]. In training (`keeps` given) batch norm also moves the running statistics. */
export function forwardMlp(spec: MlpSpec, parameters: Parameters, inputs: Matrix, keeps: Keeps | null): ForwardPass {
  const steps: ((gradient: Matrix, gradients: Parameters) => Matrix)[] = [];
  let values = inputs;
  for (let layer = 0; layer <= spec.hidden.length; layer++) {
    const below = values;
    const weight = parameters.matrix(`layers.${layer}.weight`);
    const bias = parameters.vector(`layers.${layer}.bias`);
    values = map(multiply(below, transpose(weight)), (value, _row, column) => value + bias[column]);
    steps.push((gradient, gradients) => {
      gradients.addTo(`layers.${layer}.weight`, multiply(transpose(gradient), below).values);
      gradients.addTo(`layers.${layer}.bias`, columnSums(gradient));
      return multiply(gradient, weight);
    });
    if (layer === spec.hidden.length) break;
    if (spec.batchNorm) values = forwardNorm(parameters, layer, values, keeps !== null, steps);
    const { value, slope } = activationOf(spec.activation);
    const linear = values;
    values = map(linear, value);
    steps.push((gradient) => map(gradient, (g, row, column) => g * slope(get(linear, row, column))));
    if (keeps === null || spec.dropout === 0) continue;
    const drop = (from: Matrix) =>
      map(from, (v, row, column) => (keeps(layer, row, column) ? v / (1 - spec.dropout) : 0));
    values = drop(values);
    steps.push(drop);
  }
  return { outputs: values, backward: (gradient) => runBackward(spec, steps, gradient) };
}

function runBackward(
  spec: MlpSpec,
  steps: readonly ((gradient: Matrix, gradients: Parameters) => Matrix)[],
  outputGradient: Matrix,
): Parameters {
  const gradients = new Parameters(parameterLayout(spec));
  let gradient = outputGradient;
  for (const step of steps.toReversed()) gradient = step(gradient, gradients);
  return gradients;
}

function forwardNorm(
  parameters: Parameters,
  layer: number,
  values: Matrix,
  isTraining: boolean,
  steps: ((gradient: Matrix, gradients: Parameters) => Matrix)[],
): Matrix {
  const { rows, columns } = values;
  const scale = parameters.vector(`norms.${layer}.weight`);
  const shift = parameters.vector(`norms.${layer}.bias`);
  const runningMean = parameters.vector(`norms.${layer}.running_mean`);
  const runningVariance = parameters.vector(`norms.${layer}.running_var`);
  let mean = Float64Array.from(runningMean);
  let variance = Float64Array.from(runningVariance);
  if (isTraining) {
    mean = columnSums(values).map((sum) => sum / rows);
    variance = columnSums(map(values, (v, _row, column) => (v - mean[column]) ** 2)).map((sum) => sum / rows);
    for (let column = 0; column < columns; column++) {
      const unbiased = rows > 1 ? (variance[column] * rows) / (rows - 1) : variance[column];
      runningMean[column] += BATCH_NORM_MOMENTUM * (mean[column] - runningMean[column]);
      runningVariance[column] += BATCH_NORM_MOMENTUM * (unbiased - runningVariance[column]);
    }
  }
  const root = variance.map((v) => Math.sqrt(v + BATCH_NORM_EPSILON));
  const unit = map(values, (v, _row, column) => (v - mean[column]) / root[column]);
  steps.push((gradient, gradients) => {
    const products = columnSums(map(gradient, (g, row, column) => g * get(unit, row, column)));
    const sums = columnSums(gradient);
    gradients.addTo(`norms.${layer}.weight`, products);
    gradients.addTo(`norms.${layer}.bias`, sums);
    return map(gradient, (g, row, column) => {
      const rest = g - sums[column] / rows - (get(unit, row, column) * products[column]) / rows;
      return (scale[column] / root[column]) * rest;
    });
  });
  return map(unit, (v, _row, column) => v * scale[column] + shift[column]);
}
