/** @file Records the account at each bar's close: every bar in an array, or only what a summary needs. */

export interface EquityRecorder {
  /** The account stands at `cash` from bar `from` to bar `to` (exclusive). Stretches come in order and without holes. */
  flat(from: number, to: number, cash: number): void;
  /** Marks a held position over [from, to); returns the first bar where nothing is left, which is not marked, or `to`. */
  held(from: number, to: number, cash: number, size: number, entryPrice: number): number;
  /** Nothing is left from `bar` to the end; replaces the last bar's value. */
  ruin(bar: number): void;
  /** Replaces the last bar's value. */
  last(value: number): void;
}

/** Marks every bar. */
export class EquityCurve implements EquityRecorder {
  readonly equity: Float64Array;
  private readonly close: Float64Array;

  constructor(close: Float64Array) {
    this.close = close;
    this.equity = new Float64Array(close.length);
  }

  flat(from: number, to: number, cash: number): void {
    this.equity.fill(cash, from, to);
  }

  held(from: number, to: number, cash: number, size: number, entryPrice: number): number {
    const { equity, close } = this;
    for (let bar = from; bar < to; bar++) {
      const value = cash + size * (close[bar] - entryPrice);
      if (value <= 0) return bar;
      equity[bar] = value;
    }
    return to;
  }

  ruin(bar: number): void {
    this.equity.fill(0, bar);
  }

  last(value: number): void {
    this.equity[this.equity.length - 1] = value;
  }
}
