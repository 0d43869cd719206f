/** Values that stay in memory, the least recently used going first. */
export class RecentCache<Value> {
  readonly #limitBytes: number;
  readonly #bytesOf: (value: Value) => number;
  /** In order of use, the least recent first. */
  readonly #kept = new Map<string, Value>();
  #bytes = 0;

  /** `limitBytes` bounds the kept values; a larger value is not kept. */
  constructor(limitBytes: number, bytesOf: (value: Value) => number) {
    this.#limitBytes = limitBytes;
    this.#bytesOf = bytesOf;
  }

  /** Sum of the bytes that are kept now. */
  get bytes(): number {
    return this.#bytes;
  }

  get(key: string): Value | undefined {
    const value = this.#kept.get(key);
    if (value !== undefined) this.put(key, value);
    return value;
  }

  put(key: string, value: Value): void {
    this.#drop(key);
    this.#kept.set(key, value);
    this.#bytes += this.#bytesOf(value);
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= this.#limitBytes) break;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    const value = this.#kept.get(key);
    if (value === undefined) return;
    this.#kept.delete(key);
    this.#bytes -= this.#bytesOf(value);
  }
}
