/**
 * Elementwise functions, by polynomials of our own: a machine's libraries differ in the last bit, these do not.
 * Lengths are in floats and multiples of four.
 */
import { Bits, bits, Constant, constant } from "./constants";
import { multiplyAdd } from "./matrix";

/** In the order of ACTIVATIONS in network.ts. */
export const enum Activation {
  relu,
  leakyRelu,
  tanh,
  sigmoid,
}

/**
 * e to the power of each lane, to 2 units in the last place, from -87.3 to 88; beyond that the nearer end's value.
 * The Cephes polynomial (expf.c): e^x = 2^n e^r with |r| <= ln(2)/2.
 */
// @ts-ignore: decorator
@inline
export function exponential(x: v128): v128 {
  const bounded = f32x4.pmin(f32x4.pmax(x, constant(Constant.exponentialLeast)), constant(Constant.exponentialMost));
  // Adding 1.5 x 2^23 rounds to an integer and leaves it in the lowest bits.
  const rounder = constant(Constant.rounder);
  const shifted = f32x4.add(f32x4.mul(bounded, constant(Constant.inverseLog2)), rounder);
  const count = f32x4.sub(shifted, rounder);
  let r = f32x4.sub(bounded, f32x4.mul(count, constant(Constant.log2High)));
  r = f32x4.sub(r, f32x4.mul(count, constant(Constant.log2Low)));
  let sum = multiplyAdd(constant(Constant.exponential6), r, constant(Constant.exponential5));
  sum = multiplyAdd(sum, r, constant(Constant.exponential4));
  sum = multiplyAdd(sum, r, constant(Constant.exponential3));
  sum = multiplyAdd(sum, r, constant(Constant.exponential2));
  sum = multiplyAdd(sum, r, constant(Constant.exponential1));
  const one = constant(Constant.one);
  sum = f32x4.add(multiplyAdd(f32x4.mul(r, r), sum, r), one);
  // The bits of 1 are the exponent's bias at its place.
  const power = i32x4.add(i32x4.shl(shifted, 23), one);
  return f32x4.mul(sum, power);
}

// @ts-ignore: decorator
@inline
export function sigmoid(x: v128): v128 {
  const one = constant(Constant.one);
  return f32x4.div(one, f32x4.add(one, exponential(f32x4.neg(x))));
}

/**
 * The hyperbolic tangent to 4 units in the last place: a quotient of polynomials (Eigen, generic_fast_tanh_float),
 * constant beyond ±7.905, where it rounds to 1.
 */
// @ts-ignore: decorator
@inline
export function hyperbolicTangent(value: v128): v128 {
  const x = f32x4.pmin(f32x4.pmax(value, constant(Constant.tangentLeast)), constant(Constant.tangentMost));
  const square = f32x4.mul(x, x);
  let above = multiplyAdd(constant(Constant.tangentAbove13), square, constant(Constant.tangentAbove11));
  above = multiplyAdd(above, square, constant(Constant.tangentAbove9));
  above = multiplyAdd(above, square, constant(Constant.tangentAbove7));
  above = multiplyAdd(above, square, constant(Constant.tangentAbove5));
  above = multiplyAdd(above, square, constant(Constant.tangentAbove3));
  above = multiplyAdd(above, square, constant(Constant.tangentAbove1));
  let below = multiplyAdd(constant(Constant.tangentBelow6), square, constant(Constant.tangentBelow4));
  below = multiplyAdd(below, square, constant(Constant.tangentBelow2));
  below = multiplyAdd(below, square, constant(Constant.tangentBelow0));
  return f32x4.div(f32x4.mul(x, above), below);
}

// @ts-ignore: decorator
@inline
function activated(x: v128, activation: Activation): v128 {
  if (activation == Activation.relu) return f32x4.pmax(x, f32x4.splat(0));
  if (activation == Activation.leakyRelu) return f32x4.pmax(x, f32x4.mul(x, constant(Constant.leakySlope)));
  if (activation == Activation.tanh) return hyperbolicTangent(x);
  return sigmoid(x);
}

/** gradient x f'(z), told by f(z) alone. */
// @ts-ignore: decorator
@inline
export function activationSlope(gradient: v128, value: v128, activation: Activation): v128 {
  const one = constant(Constant.one);
  if (activation == Activation.relu) return v128.and(gradient, f32x4.gt(value, f32x4.splat(0)));
  if (activation == Activation.leakyRelu) {
    return v128.bitselect(gradient, f32x4.mul(gradient, constant(Constant.leakySlope)), f32x4.gt(value, f32x4.splat(0)));
  }
  if (activation == Activation.tanh) return f32x4.mul(gradient, f32x4.sub(one, f32x4.mul(value, value)));
  return f32x4.mul(gradient, f32x4.mul(value, f32x4.sub(one, value)));
}

// @ts-ignore: decorator
@inline
function activateAll(values: usize, length: i32, activation: Activation): void {
  const stop = values + (<usize>length << 2);
  while (values < stop) {
    v128.store(values, activated(v128.load(values), activation));
    values += 16;
  }
}

/** Replaces each value by its activation. */
export function activate(values: usize, length: i32, activation: i32): void {
  switch (activation) {
    case Activation.relu:
      return activateAll(values, length, Activation.relu);
    case Activation.leakyRelu:
      return activateAll(values, length, Activation.leakyRelu);
    case Activation.tanh:
      return activateAll(values, length, Activation.tanh);
    default:
      return activateAll(values, length, Activation.sigmoid);
  }
}

/** Zeroes columns from `columns` to the end of the last panel, where an activation of zero is not zero. */
export function clearPadding(values: usize, stride: i32, rows: i32, columns: i32): void {
  const panel = values + <usize>(columns >> 3) * (<usize>stride << 5);
  for (let row = 0; row < rows; row++) {
    for (let column = columns & 7; column < 8; column++) {
      store<f32>(panel + (<usize>row << 5) + (<usize>column << 2), 0);
    }
  }
}

/** mix32 of random.ts. */
// @ts-ignore: decorator
@inline
function mix(value: v128): v128 {
  let mixed = i32x4.mul(v128.xor(value, i32x4.shr_u(value, 16)), bits(Bits.mix1));
  mixed = i32x4.mul(v128.xor(mixed, i32x4.shr_u(mixed, 15)), bits(Bits.mix2));
  return v128.xor(mixed, i32x4.shr_u(mixed, 16));
}

/**
 * Dropout as random.ts defines it: a kept value is divided by the share that is kept; one that is dropped becomes
 * -0, which no kept value is, so that the way back needs no mask.
 */
export function dropOut(values: usize, stride: i32, rows: i32, columns: i32, key: i32, threshold: i32, scale: f32): void {
  const limit = v128.xor(i32x4.splat(threshold), bits(Bits.sign));
  for (let column = 0; column < columns; column += 8) {
    let counter = i32x4.splat(key + column * 0x9e3779b1);
    counter = i32x4.add(counter, i32x4.mul(i32x4(0, 1, 2, 3), bits(Bits.weyl)));
    for (let row = 0; row < rows; row++) {
      const at = values + (<usize>row << 5);
      dropLanes(at, counter, limit, scale);
      dropLanes(at + 16, i32x4.add(counter, bits(Bits.weyl4)), limit, scale);
      counter = i32x4.add(counter, bits(Bits.weylRow));
    }
    values += <usize>stride << 5;
  }
}

// @ts-ignore: decorator
@inline
function dropLanes(at: usize, counter: v128, limit: v128, scale: f32): void {
  // Lanes compare as signed numbers: flipping the highest bit of both sides compares them as unsigned.
  const kept = i32x4.ge_s(v128.xor(mix(counter), bits(Bits.sign)), limit);
  const value = f32x4.add(f32x4.mul(v128.load(at), f32x4.splat(scale)), f32x4.splat(0));
  v128.store(at, v128.bitselect(value, bits(Bits.sign), kept));
}

// @ts-ignore: decorator
@inline
function slopeAll(gradient: usize, values: usize, length: i32, kept: f32, scale: f32, activation: Activation): void {
  const stop = gradient + (<usize>length << 2);
  while (gradient < stop) {
    const value = v128.load(values);
    const alive = i32x4.ne(value, bits(Bits.sign));
    const above = v128.and(f32x4.mul(v128.load(gradient), f32x4.splat(scale)), alive);
    v128.store(gradient, activationSlope(above, f32x4.mul(value, f32x4.splat(kept)), activation));
    gradient += 16;
    values += 16;
  }
}

/** The gradient before dropout and activation, in place; `kept` = 1 - dropout and `scale` = 1 / kept. */
export function slopeThroughDropout(gradient: usize, values: usize, length: i32, kept: f32, scale: f32, activation: i32): void {
  switch (activation) {
    case Activation.relu:
      return slopeAll(gradient, values, length, kept, scale, Activation.relu);
    case Activation.leakyRelu:
      return slopeAll(gradient, values, length, kept, scale, Activation.leakyRelu);
    case Activation.tanh:
      return slopeAll(gradient, values, length, kept, scale, Activation.tanh);
    default:
      return slopeAll(gradient, values, length, kept, scale, Activation.sigmoid);
  }
}

/** The gradient before dropout alone, in place. */
export function gradientThroughDropout(gradient: usize, values: usize, length: i32, scale: f32): void {
  const stop = gradient + (<usize>length << 2);
  while (gradient < stop) {
    const alive = i32x4.ne(v128.load(values), bits(Bits.sign));
    v128.store(gradient, v128.and(f32x4.mul(v128.load(gradient), f32x4.splat(scale)), alive));
    gradient += 16;
    values += 16;
  }
}
