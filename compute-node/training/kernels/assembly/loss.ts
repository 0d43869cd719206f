/**
 * Losses and their gradients, row by row. Outputs stand in panels of `stride` rows; the gradient, laid out alike,
 * replaces them. Sums are in double precision.
 */
import { exponential } from "./activation";

/** Where a batch's sums are: the loss, then how many rows are right. */
const sums = memory.data(16);

export function lossSums(): usize {
  return sums;
}

// @ts-ignore: decorator
@inline
function largestLane(v: v128): f32 {
  const pairs = f32x4.pmax(v, i32x4.shuffle(v, v, 2, 3, 0, 1));
  return f32x4.extract_lane(f32x4.pmax(pairs, i32x4.shuffle(pairs, pairs, 1, 0, 3, 2)), 0);
}

// @ts-ignore: decorator
@inline
function laneSum(v: v128): f32 {
  const pairs = f32x4.add(v, i32x4.shuffle(v, v, 2, 3, 0, 1));
  return f32x4.extract_lane(f32x4.add(pairs, i32x4.shuffle(pairs, pairs, 1, 0, 3, 2)), 0);
}

/** Lanes of the last four columns that are classes. */
function lanesMask(classes: i32): v128 {
  return i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(((classes - 1) & 3) + 1));
}

/** Where four columns of a row stand. */
// @ts-ignore: decorator
@inline
function quad(base: usize, panelBytes: usize, index: i32): usize {
  return base + <usize>(index >> 1) * panelBytes + (<usize>(index & 1) << 4);
}

/**
 * Cross entropy, or focal loss when `gamma` is not negative. `labels` has a byte a row, `weights` a float a class.
 * Writes the sum of weighted losses and of right answers, and returns the divisor of the mean: the sum of the rows'
 * weights, or for focal loss the number of rows. The gradient is that of the mean. Rows from `rows` to `paddedRows` get
 * a gradient of zero.
 */
export function classLoss(
  outputs: usize,
  stride: i32,
  labels: usize,
  weights: usize,
  rows: i32,
  paddedRows: i32,
  classes: i32,
  gamma: f64,
): f64 {
  const panelBytes = <usize>stride << 5;
  const quads = (classes + 3) >> 2;
  const lastLanes = lanesMask(classes);
  let divisor: f64 = rows;
  if (gamma < 0) {
    divisor = 0;
    for (let row = 0; row < rows; row++) {
      divisor += load<f32>(weights + (<usize>load<u8>(labels + row) << 2));
    }
  }
  let loss: f64 = 0;
  let correct: f64 = 0;
  for (let row = 0; row < rows; row++) {
    const base = outputs + (<usize>row << 5);
    const label = <i32>load<u8>(labels + row);
    const weight = load<f32>(weights + (<usize>label << 2));
    const labelAt = base + <usize>(label >> 3) * panelBytes + (<usize>(label & 7) << 2);
    const labelOutput = load<f32>(labelAt);
    let largest = f32x4.splat(-Infinity);
    for (let index = 0; index < quads; index++) {
      const at = quad(base, panelBytes, index);
      const value = v128.load(at);
      largest = f32x4.pmax(largest, index == quads - 1 ? v128.bitselect(value, largest, lastLanes) : value);
    }
    const top = largestLane(largest);
    let total = f32x4.splat(0);
    for (let index = 0; index < quads; index++) {
      const at = quad(base, panelBytes, index);
      let power = exponential(f32x4.sub(v128.load(at), f32x4.splat(top)));
      if (index == quads - 1) power = v128.and(power, lastLanes);
      v128.store(at, power);
      total = f32x4.add(total, power);
    }
    const sum = laneSum(total);
    const logSum = NativeMath.log(<f64>sum);
    const logProbability = <f64>labelOutput - <f64>top - logSum;
    // Of several largest outputs the first class counts, as in PyTorch.
    if (labelOutput == top && firstIs(base, panelBytes, label)) correct += 1;
    let slope: f64 = weight;
    if (gamma < 0) {
      loss -= <f64>weight * logProbability;
    } else {
      const labelPower = load<f32>(labelAt);
      const others = <f64>(sum - labelPower) / <f64>sum;
      const probability = <f64>labelPower / <f64>sum;
      const factor = gamma == 0 ? 1 : others > 0 ? NativeMath.exp(gamma * NativeMath.log(others)) : 0;
      loss -= <f64>weight * factor * logProbability;
      slope *= others > 0 ? factor - ((gamma * factor) / others) * probability * logProbability : factor;
    }
    const scale = <f32>(divisor > 0 ? slope / divisor : 0);
    const share = f32x4.splat(scale / sum);
    for (let index = 0; index < quads; index++) {
      const at = quad(base, panelBytes, index);
      v128.store(at, f32x4.mul(v128.load(at), share));
    }
    store<f32>(labelAt, load<f32>(labelAt) - scale);
  }
  clearRows(outputs, stride, rows, paddedRows, quads);
  store<f64>(sums, loss);
  store<f64>(sums + 8, correct);
  return divisor;
}

/** After the exponentials: the largest output's is 1, so an earlier 1 belongs to an earlier class that is as large. */
// @ts-ignore: decorator
@inline
function firstIs(base: usize, panelBytes: usize, label: i32): bool {
  for (let other = 0; other < label; other++) {
    if (load<f32>(base + <usize>(other >> 3) * panelBytes + (<usize>(other & 7) << 2)) == 1) return false;
  }
  return true;
}

function clearRows(outputs: usize, stride: i32, rows: i32, paddedRows: i32, quads: i32): void {
  for (let row = rows; row < paddedRows; row++) {
    for (let index = 0; index < quads; index++) {
      v128.store(quad(outputs + (<usize>row << 5), <usize>stride << 5, index), f32x4.splat(0));
    }
  }
}

/**
 * Huber loss, or the squared error when `delta` is negative, of the first output against a float a row. Writes the sum
 * of the losses, and how often output and target are both above zero or both not.
 */
export function valueLoss(outputs: usize, stride: i32, targets: usize, rows: i32, paddedRows: i32, delta: f64): void {
  let loss: f64 = 0;
  let correct: f64 = 0;
  for (let row = 0; row < rows; row++) {
    const at = outputs + (<usize>row << 5);
    const target = load<f32>(targets + (<usize>row << 2));
    const output = load<f32>(at);
    const error = <f64>output - <f64>target;
    let slope = error;
    if (delta < 0) {
      loss += error * error;
      slope = 2 * error;
    } else if (NativeMath.abs(error) <= delta) {
      loss += 0.5 * error * error;
    } else {
      loss += delta * (NativeMath.abs(error) - 0.5 * delta);
      slope = error > 0 ? delta : -delta;
      // A value that is not a number stays one.
      if (error != error) slope = error;
    }
    if (output > 0 == target > 0) correct += 1;
    store<f32>(at, <f32>(slope / <f64>rows));
  }
  clearRows(outputs, stride, rows, paddedRows, 1);
  store<f64>(sums, loss);
  store<f64>(sums + 8, correct);
}
