/** The state of the slow broker, as plain objects. */
import type { OrderRequest } from "../engine/order.ts";
import type { ReferenceTrade } from "./engine.ts";

export interface Waiting {
  readonly id: number;
  readonly direction: number;
  readonly request: OrderRequest;
  readonly closes: number;
  readonly placedBar: number;
  /** A stop-limit order whose stop was reached. */
  readonly isTriggered: boolean;
}

export interface Holding {
  units: number;
  readonly entryBar: number;
  readonly openedBar: number;
  readonly entryPrice: number;
  readonly request: OrderRequest;
  stop: number | null;
  readonly target: number | null;
  entryFee: number;
  holdingCost: number;
  best: number;
  isTrailed: boolean;
  readonly targetFromBar: number;
}

/** Everything that a path through a bar may change. */
export interface Account {
  readonly cash: number;
  readonly direction: number;
  readonly holdings: readonly Holding[];
  readonly waiting: readonly Waiting[];
  readonly trades: readonly ReferenceTrade[];
  readonly refused: number;
  readonly liquidations: number;
}
