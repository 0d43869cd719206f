/**
 * Vector constants, all lanes alike. They are in memory, since V8 builds one that stands in the code anew at each use,
 * out of four instructions, and repeats a number from memory in one.
 */
export const enum Constant {
  one,
  leakySlope,
  /** A moment below this is zero. */
  faded,
  /** 1.5 x 2^23: added to a number, rounds it to an integer in its lowest bits. */
  rounder,
  exponentialLeast,
  exponentialMost,
  inverseLog2,
  log2High,
  log2Low,
  exponential6,
  exponential5,
  exponential4,
  exponential3,
  exponential2,
  exponential1,
  tangentLeast,
  tangentMost,
  tangentAbove13,
  tangentAbove11,
  tangentAbove9,
  tangentAbove7,
  tangentAbove5,
  tangentAbove3,
  tangentAbove1,
  tangentBelow6,
  tangentBelow4,
  tangentBelow2,
  tangentBelow0,
}

/** In the order of `Constant`. */
const numbers = memory.data<f32>([
  1, 0.01, 1e-30, 12582912,
  -87.3, 88, 1.44269504, 0.693359375, -2.1219444e-4,
  1.98756915e-4, 1.39819995e-3, 8.33345191e-3, 4.16657959e-2, 1.66666655e-1, 5.00000012e-1,
  -7.90531111, 7.90531111,
  -2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-8, 1.48572235717979e-5,
  6.37261928875436e-4, 4.89352455891786e-3,
  1.19825839466702e-6, 1.18534705686654e-4, 2.268434632439e-3, 4.89352518554385e-3,
]);

// @ts-ignore: decorator
@inline
export function constant(name: Constant): v128 {
  return v128.load32_splat(numbers + (<usize>name << 2));
}

export const enum Bits {
  /** The sign alone: what dropout leaves of a value, and what makes unsigned numbers compare as signed ones. */
  sign,
  /** All but the sign. */
  magnitude,
  mix1,
  mix2,
  weyl,
  weyl4,
  weylRow,
}

/** In the order of `Bits`; the Weyl increment of random.ts times 1, 4 and 65536. */
const integers = memory.data<u32>([
  0x80000000, 0x7fffffff, 0x7feb352d, 0x846ca68b, 0x9e3779b1, 0x78dde6c4, 0x79b10000,
]);

// @ts-ignore: decorator
@inline
export function bits(name: Bits): v128 {
  return v128.load32_splat(integers + (<usize>name << 2));
}
