/** The events of a run in two forms: the last ones as text, and a hash over all of them that tells two runs apart. */
const KEPT = 60;

type Part = string | number | boolean | null;

export class Trace {
  readonly #last: { at: number; parts: readonly Part[] }[] = [];
  #next = 0;
  #low = 0x811c9dc5;
  #high = 0x01000193;

  note(at: number, ...parts: Part[]): void {
    this.#last[this.#next % KEPT] = { at, parts };
    this.#next++;
    this.#mix(at);
    for (const part of parts) {
      if (typeof part === "number") this.#mix(part);
      else for (const letter of String(part)) this.#mix(letter.charCodeAt(0));
    }
  }

  /** FNV-1a and a multiplicative sibling, 32 bits each. */
  #mix(value: number): void {
    const folded = (value | 0) ^ Math.floor(value / 2 ** 32);
    this.#low = Math.imul(this.#low ^ folded, 0x01000193);
    this.#high = Math.imul(this.#high + folded, 0x85ebca6b) ^ (this.#high >>> 15);
  }

  get hash(): string {
    return [this.#high, this.#low].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
  }

  /** The newest events, oldest first, one a line. */
  tail(count: number): string[] {
    const first = Math.max(0, this.#next - Math.min(count, KEPT));
    const lines: string[] = [];
    for (let index = first; index < this.#next; index++) {
      const entry = this.#last[index % KEPT];
      if (entry !== undefined) lines.push(`${String(entry.at).padStart(10)} ms  ${entry.parts.join(" ")}`);
    }
    return lines;
  }
}
