/**
 * The signals that a compiled strategy gives the backtest engine: one byte per bar and side, 1 where the condition
 * holds at the close of that bar. Nothing in here may depend on a later bar.
 */
export interface StrategySignals {
  /** Largest index of a first defined indicator value; the strategy first decides one bar later. */
  readonly warmupBars: number;
  readonly entryLong: Uint8Array;
  readonly exitLong: Uint8Array;
  readonly entryShort: Uint8Array;
  readonly exitShort: Uint8Array;
  /** The value by which a portfolio orders its symbols; NaN where there is none. Only with `portfolio.rank_by`. */
  readonly rank?: Float64Array;
  /** An entry against the open position closes it and opens the other side at the same fill. */
  readonly reverse: boolean;
  /** Fraction of free equity that an entry uses, in (0, 1]. */
  readonly sizeFraction: number;
  /** Decides instead of `sizeFraction` where it is there. */
  readonly sizing?: EntrySizing;
  readonly stopLoss: ProtectiveLevel | null;
  readonly takeProfit: ProtectiveLevel | null;
}

/** The size of an entry where it is not a constant fraction. */
export type EntrySizing =
  | { readonly kind: "units"; readonly units: number }
  /** A part of the equity as the position's value, whatever leverage would carry; above 1 it needs leverage. */
  | { readonly kind: "value"; readonly fraction: number }
  /** Commission included. */
  | { readonly kind: "money"; readonly money: number }
  /** Volatility of the equity, per year; measured over `window` returns up to the signal's bar. */
  | { readonly kind: "volatility"; readonly target: number; readonly window: number };

/** A level `fraction` away from the reference price, against the position for a stop, with it for a target. */
export interface ProtectiveLevel {
  readonly fraction: number;
  readonly from: "signal_close" | "fill";
}
