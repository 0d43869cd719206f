/** Finds the next bar at which something happens, in tight loops over columns. */

/** Signals are either dense, where a loop wins, or rare, where the runtime's own search does. */
const SCANNED_WORDS = 64;

/** A column of flags, to be searched many times. */
export class FlagSearch {
  private readonly flags: Uint8Array;
  /** The same bytes, four at a time; null for a column that begins in the middle of four. */
  private readonly words: Uint32Array | null;

  constructor(flags: Uint8Array) {
    this.flags = flags;
    this.words = flags.byteOffset % 4 === 0 ? new Uint32Array(flags.buffer, flags.byteOffset, flags.length >> 2) : null;
  }

  /** The first bar at or after `from` whose flag is set, or the column's length. */
  first(from: number): number {
    const { flags, words } = this;
    const rows = flags.length;
    let bar = from;
    if (words !== null) {
      for (; (bar & 3) !== 0 && bar < rows; bar++) if (flags[bar] !== 0) return bar;
      const begin = bar >> 2;
      const end = Math.min(begin + SCANNED_WORDS, words.length);
      let word = begin;
      while (word < end && words[word] === 0) word++;
      bar = Math.max(bar, word << 2);
      if (word < end) {
        while (flags[bar] === 0) bar++;
        return bar;
      }
    }
    const found = flags.indexOf(1, bar);
    return found < 0 ? rows : found;
  }
}

/** The first bar in [from, to) whose range reaches `lower` or `upper`, or `to`. */
export function firstTouch(
  high: Float64Array,
  low: Float64Array,
  from: number,
  to: number,
  lower: number,
  upper: number,
): number {
  for (let bar = from; bar < to; bar++) if (low[bar] <= lower || high[bar] >= upper) return bar;
  return to;
}
