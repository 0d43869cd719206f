/** The first value after a position that is at least a level, without looking at each one in between. */

const FAN_OUT = 16;

/** A tree of maxima over a column; each query takes O(log n) steps. */
export class FirstCrossing {
  /** The column, then the maxima of each 16 of the level before. */
  readonly #levels: Float64Array[];

  constructor(values: Float64Array) {
    this.#levels = [values];
    for (let below = values; below.length > FAN_OUT; ) {
      const maxima = new Float64Array(Math.ceil(below.length / FAN_OUT)).fill(Number.NEGATIVE_INFINITY);
      for (let index = 0; index < below.length; index++)
        if (below[index] > maxima[index >> 4]) maxima[index >> 4] = below[index];
      this.#levels.push(maxima);
      below = maxima;
    }
  }

  /** The first index from `from` to `last` (inclusive) whose value is `level` or more; -1 where there is none. */
  find(from: number, last: number, level: number): number {
    let depth = 0;
    let index = from;
    while (index << (4 * depth) <= last) {
      const values = this.#levels[depth];
      if (index < values.length && values[index] >= level) {
        if (depth === 0) return index;
        depth--;
        index <<= 4;
        continue;
      }
      index++;
      while ((index & (FAN_OUT - 1)) === 0 && depth + 1 < this.#levels.length) {
        depth++;
        index >>= 4;
      }
    }
    return -1;
  }
}
