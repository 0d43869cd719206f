/** Work that several may wait for: each piece is done once, and goes on until nobody waits for it any more. */
interface Piece<Result> {
  readonly result: Promise<Result>;
  readonly stop: AbortController;
  waiting: number;
}

export class SharedWork<Result> {
  readonly #pieces = new Map<string, Piece<Result>>();

  /**
   * What `begin` comes to, which is called where nobody waits for that key yet; its signal aborts when all have left.
   * Rejects with `signal`'s reason as soon as that aborts.
   */
  async join(key: string, signal: AbortSignal, begin: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    const piece = this.#pieces.get(key) ?? this.#begin(key, begin);
    piece.waiting += 1;
    try {
      return await Promise.race([piece.result, rejectedBy(signal)]);
    } finally {
      piece.waiting -= 1;
      if (piece.waiting === 0) {
        if (this.#pieces.get(key) === piece) this.#pieces.delete(key);
        piece.stop.abort(new Error("nobody waits for it any more"));
      }
    }
  }

  #begin(key: string, begin: (signal: AbortSignal) => Promise<Result>): Piece<Result> {
    const stop = new AbortController();
    const piece = { result: begin(stop.signal), stop, waiting: 0 };
    // Those who wait for it are told; when all have left, nobody is.
    piece.result.catch(() => {});
    this.#pieces.set(key, piece);
    return piece;
  }
}

function rejectedBy(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.throwIfAborted();
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
