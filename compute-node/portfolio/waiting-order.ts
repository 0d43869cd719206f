import type { Side } from "../ledger/index.ts";

/** An order that waits for a symbol's next bar. */
export interface Waiting {
  readonly slot: number;
  /** The bar whose close gave the order. */
  readonly bar: number;
  readonly exits: boolean;
  /** Leaves because it was not chosen. */
  readonly isRotation: boolean;
  /** The side to enter; 0 for none. */
  readonly enters: Side | 0;
  /** The fraction of the equity that the entry uses, or to which the position is brought. */
  readonly share: number;
  readonly resizes: boolean;
  readonly rank: number;
}

/** An order that asks for nothing yet. */
export const NOTHING = { exits: false, isRotation: false, enters: 0, share: 0, resizes: false } as const;
/** Leaves because a rebalance did not choose it. */
export const LEAVES = { exits: true, isRotation: true } as const;
