/** Cuts a stream of bytes into lines of a bounded length. */

const NEWLINE = 0x0a;

export class LineReader {
  readonly #limitBytes: number;
  #parts: Buffer[] = [];
  /** Of the line that has begun: what is kept of it, and what it has in all. */
  #keptBytes = 0;
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** The lines that end within the chunk. One that is longer than the limit is cut, and says so. */
  take(chunk: Buffer): string[] {
    const lines: string[] = [];
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      this.#keep(chunk.subarray(from, end));
      lines.push(this.#line());
      from = end + 1;
    }
    // A copy, since a small piece would hold the whole chunk.
    if (from < chunk.length)
      this.#keep(Buffer.from(chunk.subarray(from, from + this.#limitBytes)), chunk.length - from);
    return lines;
  }

  /** What came after the last line's end. */
  rest(): string[] {
    return this.#bytes === 0 ? [] : [this.#line()];
  }

  #keep(piece: Buffer, bytes = piece.length): void {
    const kept = piece.subarray(0, Math.max(0, this.#limitBytes - this.#keptBytes));
    if (kept.length > 0) this.#parts.push(kept);
    this.#keptBytes += kept.length;
    this.#bytes += bytes;
  }

  #line(): string {
    const cutBytes = this.#bytes - this.#keptBytes;
    // A progress bar redraws its line with carriage returns: the last drawing counts.
    const text = Buffer.concat(this.#parts).toString("utf8").replace(/\r+$/, "").replace(/^.*\r/s, "");
    this.#parts = [];
    this.#keptBytes = 0;
    this.#bytes = 0;
    return cutBytes === 0 ? text : `${text}… (${cutBytes} bytes more)`;
  }
}
