/**
 * Elementwise functions, by polynomials of our own: a machine's libraries differ in the last bit, these do not.
 * Lengths are in floats and multiples of four.
 */
import { multiplyAdd } from "./matrix";

/** In the order of ACTIVATIONS in network.ts. */
export const enum Activation {
  relu,
  leakyRelu,
  tanh,
  sigmoid,
}

/**
 * Numbers that the polynomials need, in memory: V8 builds a vector constant anew at each use, out of four instructions,
 * and repeats a number from memory in one.
 */
const numbers = memory.data<f32>([
  // exponential: bounds, 1/ln 2, 1.5 x 2^23, ln 2 in two parts, coefficients from the highest power on
  -87.3, 88, 1.44269504, 12582912, 0.693359375, -2.1219444e-4, 1.98756915e-4, 1.39819995e-3, 8.33345191e-3,
  4.16657959e-2, 1.66666655e-1, 5.00000012e-1, 1,
  // tanh: bounds, coefficients above and below
  -7.90531111, 7.90531111, -2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-8,
  1.48572235717979e-5, 6.37261928875436e-4, 4.89352455891786e-3, 1.19825839466702e-6, 1.18534705686654e-4,
  2.268434632439e-3, 4.89352518554385e-3,
]);

/** All lanes the number at this place. */
// @ts-ignore: decorator
@inline
function number(index: i32): v128 {
  return v128.load32_splat(numbers + (<usize>index << 2));
}

/**
 * e to the power of each lane, to 2 units in the last place, from -87.3 to 88; beyond that the nearer end's value.
 * The Cephes polynomial (expf.c): e^x = 2^n e^r with |r| <= ln(2)/2.
 */
// @ts-ignore: decorator
@inline
export function exponential(x: v128): v128 {
  const bounded = f32x4.pmin(f32x4.pmax(x, number(0)), number(1));
  // Adding 1.5 x 2^23 rounds to an integer and leaves it in the lowest bits.
  const rounder = number(3);
  const shifted = f32x4.add(f32x4.mul(bounded, number(2)), rounder);
  const count = f32x4.sub(shifted, rounder);
  let r = f32x4.sub(bounded, f32x4.mul(count, number(4)));
  r = f32x4.sub(r, f32x4.mul(count, number(5)));
  let sum = multiplyAdd(number(6), r, number(7));
  sum = multiplyAdd(sum, r, number(8));
  sum = multiplyAdd(sum, r, number(9));
  sum = multiplyAdd(sum, r, number(10));
  sum = multiplyAdd(sum, r, number(11));
  const one = number(12);
  sum = f32x4.add(multiplyAdd(f32x4.mul(r, r), sum, r), one);
  // The bits of 1 are the exponent's bias at its place.
  const power = i32x4.add(i32x4.shl(shifted, 23), one);
  return f32x4.mul(sum, power);
}

// @ts-ignore: decorator
@inline
export function sigmoid(x: v128): v128 {
  const one = number(12);
  return f32x4.div(one, f32x4.add(one, exponential(f32x4.neg(x))));
}

/**
 * The hyperbolic tangent to 4 units in the last place: a quotient of polynomials (Eigen, generic_fast_tanh_float),
 * constant beyond ±7.905, where it rounds to 1.
 */
// @ts-ignore: decorator
@inline
export function hyperbolicTangent(value: v128): v128 {
  const x = f32x4.pmin(f32x4.pmax(value, number(13)), number(14));
  const square = f32x4.mul(x, x);
  let above = multiplyAdd(number(15), square, number(16));
  above = multiplyAdd(above, square, number(17));
  above = multiplyAdd(above, square, number(18));
  above = multiplyAdd(above, square, number(19));
  above = multiplyAdd(above, square, number(20));
  above = multiplyAdd(above, square, number(21));
  let below = multiplyAdd(number(22), square, number(23));
  below = multiplyAdd(below, square, number(24));
  below = multiplyAdd(below, square, number(25));
  return f32x4.div(f32x4.mul(x, above), below);
}

// @ts-ignore: decorator
@inline
function activated(x: v128, activation: Activation): v128 {
  if (activation == Activation.relu) return f32x4.pmax(x, f32x4.splat(0));
  if (activation == Activation.leakyRelu) return f32x4.pmax(x, f32x4.mul(x, f32x4.splat(0.01)));
  if (activation == Activation.tanh) return hyperbolicTangent(x);
  return sigmoid(x);
}

/** gradient x f'(z), told by f(z) alone. */
// @ts-ignore: decorator
@inline
export function activationSlope(gradient: v128, value: v128, activation: Activation): v128 {
  const one = f32x4.splat(1);
  if (activation == Activation.relu) return v128.and(gradient, f32x4.gt(value, f32x4.splat(0)));
  if (activation == Activation.leakyRelu) {
    return v128.bitselect(gradient, f32x4.mul(gradient, f32x4.splat(0.01)), f32x4.gt(value, f32x4.splat(0)));
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
  let bits = i32x4.mul(v128.xor(value, i32x4.shr_u(value, 16)), i32x4.splat(0x7feb352d));
  bits = i32x4.mul(v128.xor(bits, i32x4.shr_u(bits, 15)), i32x4.splat(0x846ca68b));
  return v128.xor(bits, i32x4.shr_u(bits, 16));
}

/**
 * Dropout as random.ts defines it: a kept value is divided by the share that is kept; one that is dropped becomes
 * -0, which no kept value is, so that the way back needs no mask.
 */
export function dropOut(values: usize, stride: i32, rows: i32, columns: i32, key: i32, threshold: i32, scale: f32): void {
  const limit = v128.xor(i32x4.splat(threshold), i32x4.splat(0x80000000));
  for (let column = 0; column < columns; column += 8) {
    let counter = i32x4.splat(key + column * 0x9e3779b1);
    counter = i32x4.add(counter, i32x4.mul(i32x4(0, 1, 2, 3), i32x4.splat(0x9e3779b1)));
    for (let row = 0; row < rows; row++) {
      const at = values + (<usize>row << 5);
      dropLanes(at, counter, limit, scale);
      dropLanes(at + 16, i32x4.add(counter, i32x4.splat(4 * 0x9e3779b1)), limit, scale);
      counter = i32x4.add(counter, i32x4.splat(65536 * 0x9e3779b1));
    }
    values += <usize>stride << 5;
  }
}

// @ts-ignore: decorator
@inline
function dropLanes(at: usize, counter: v128, limit: v128, scale: f32): void {
  // Lanes compare as signed numbers: flipping the highest bit of both sides compares them as unsigned.
  const kept = i32x4.ge_s(v128.xor(mix(counter), i32x4.splat(0x80000000)), limit);
  const value = f32x4.add(f32x4.mul(v128.load(at), f32x4.splat(scale)), f32x4.splat(0));
  v128.store(at, v128.bitselect(value, i32x4.splat(0x80000000), kept));
}

// @ts-ignore: decorator
@inline
function slopeAll(gradient: usize, values: usize, length: i32, kept: f32, scale: f32, activation: Activation): void {
  const stop = gradient + (<usize>length << 2);
  while (gradient < stop) {
    const value = v128.load(values);
    const alive = i32x4.ne(value, i32x4.splat(0x80000000));
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
    const alive = i32x4.ne(v128.load(values), i32x4.splat(0x80000000));
    v128.store(gradient, v128.and(f32x4.mul(v128.load(gradient), f32x4.splat(scale)), alive));
    gradient += 16;
    values += 16;
  }
}
