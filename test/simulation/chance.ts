/** The only random source of a simulated world: sfc32 (C. Doty-Humphrey, PractRand), in 32-bit integers, from one seed. */
export class Chance {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number) {
    this.#a = seed | 0;
    this.#b = Math.floor(seed / 2 ** 32) | 0;
    this.#c = 0x9e3779b9 | 0;
    for (let round = 0; round < 15; round++) this.next();
  }

  /** Uniform among the integers of 32 bits, without sign. */
  next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return sum >>> 0;
  }

  /** An integer from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + (this.next() % (high - low + 1));
  }

  perMille(rate: number): boolean {
    return this.next() % 1000 < rate;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.next() % items.length] as T;
  }

  /** Chooses each item with even chance; at least one of a list that has any. */
  some<T>(items: readonly T[]): T[] {
    const chosen = items.filter(() => this.perMille(500));
    return chosen.length === 0 && items.length > 0 ? [this.pick(items)] : chosen;
  }

  /** A number in [0, 1), for the agent. */
  readonly fraction = (): number => this.next() / 2 ** 32;
}
