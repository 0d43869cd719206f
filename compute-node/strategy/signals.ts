/**
 * What a compiled strategy hands to the backtest engine: one byte a bar and side, 1 where the condition holds at the
 * close of that bar. Nothing in here may depend on a later bar.
 */
export interface StrategySignals {
  /** Largest index of a first defined indicator value; the strategy first decides one bar later. */
  readonly warmupBars: number;
  readonly entryLong: Uint8Array;
  readonly exitLong: Uint8Array;
  readonly entryShort: Uint8Array;
  readonly exitShort: Uint8Array;
  /** An entry against the open position closes it and opens the other side at the same fill. */
  readonly reverse: boolean;
  /** Fraction of free equity that an entry uses, in (0, 1]. */
  readonly sizeFraction: number;
  readonly stopLoss: ProtectiveLevel | null;
  readonly takeProfit: ProtectiveLevel | null;
}

/** A level `fraction` away from the reference price, against the position for a stop, with it for a target. */
export interface ProtectiveLevel {
  readonly fraction: number;
  readonly from: "signal_close" | "fill";
}
