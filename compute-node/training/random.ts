/**
 * Chance in training, all of it from the run's seed and a counter, so that nothing but (seed, epoch, step) has to be
 * remembered, and a GPU draws the same numbers as a CPU.
 *
 * `mix32` is the integer hash lowbias32 (Wellons 2018, https://nullprogram.com/blog/2018/07/31/): 32-bit
 * multiplications, shifts and exclusive ors alone, which WebAssembly lanes and WGSL have too.
 */
import { type NetworkSpec, parameterLayout } from "./network.ts";

/** A bijection of 32-bit integers whose output bits depend evenly on all input bits. */
function mix32(value: number): number {
  let bits = value >>> 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x7feb352d);
  bits = Math.imul(bits ^ (bits >>> 15), 0x846ca68b);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/** Separates the uses of one seed. */
const PURPOSE = { weights: 0x57454947, order: 0x4f524445, dropout: 0x44524f50 } as const;

/** The common part of one purpose's keys, for a GPU that makes the key of each step by itself. */
export function streamSeed(seed: number, purpose: keyof typeof PURPOSE): number {
  return mix32(mix32(seed) ^ PURPOSE[purpose]);
}

/** A key for one purpose and counter; `draw32(key, 0)`, `draw32(key, 1)` … are its numbers. */
export function streamKey(seed: number, purpose: keyof typeof PURPOSE, counter: number): number {
  return mix32(streamSeed(seed, purpose) ^ counter);
}

/** Number `index` of a stream: 32 even bits. A Weyl sequence that is hashed, as in SplitMix (Steele et al. 2014). */
export function draw32(key: number, index: number): number {
  return mix32(key + Math.imul(index, 0x9e3779b1));
}

/**
 * The initial weights: tensor by tensor in the order of the layout, number i of the stream giving weight i, uniform in
 * ±bound from its upper 24 bits.
 */
export function initialParameters(network: NetworkSpec, seed: number): Float32Array {
  const layout = parameterLayout(network);
  const key = streamKey(seed, "weights", 0);
  const parameters = new Float32Array(layout.length);
  for (const { offset, length, initial } of layout.tensors) {
    for (let at = offset; at < offset + length; at++) {
      parameters[at] =
        "value" in initial ? initial.value : initial.bound * (((draw32(key, at) >>> 8) + 0.5) * 2 ** -23 - 1);
    }
  }
  return parameters;
}

/** The rows in the order of an epoch, counted from 0: Fisher–Yates from the end. Fills and returns `order`. */
export function shuffleRows(rows: Uint32Array, seed: number, epoch: number, order: Uint32Array): Uint32Array {
  order.set(rows);
  const key = streamKey(seed, "order", epoch);
  for (let last = order.length - 1; last > 0; last--) {
    // The upper bits times the count: even to one part in 2^32 / count.
    const other = Math.floor((draw32(key, last) * (last + 1)) / 2 ** 32);
    const moved = order[last];
    order[last] = order[other];
    order[other] = moved;
  }
  return order;
}

/**
 * The key of a dropout mask: one for each step and place. Places are hidden layers of an mlp from 0; between recurrent
 * layers, layer x sequenceLength + time; and before the head of a recurrent network, layers x sequenceLength.
 */
export function dropoutKey(seed: number, step: number, place: number): number {
  return mix32(streamKey(seed, "dropout", step) ^ place);
}

/**
 * Dropout keeps the value at `row` of the batch and `column` of the layer when `draw32(key, row << 16 | column)`
 * is at least `dropout` times 2^32, rounded.
 */
export function dropoutThreshold(dropout: number): number {
  return Math.round(dropout * 2 ** 32) >>> 0;
}

export function dropoutKeeps(key: number, row: number, column: number, threshold: number): boolean {
  return draw32(key, ((row << 16) | column) >>> 0) >= threshold;
}
