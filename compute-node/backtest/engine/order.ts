/**
 * @file Orders, as a strategy gives them at the close of a bar.
 *
 * The life of an order: it waits from the bar after the one that placed it; it fills once, whole, or ends unfilled:
 * cancelled, out of its day, or refused because the account cannot carry it. A stop-limit order that was triggered goes
 * on as a limit order.
 */

export type OrderKind = "market" | "limit" | "stop" | "stop_limit";

export interface OrderRequest {
  /** A positive number of units, taken whole or not at all; without it `money` decides, and without both `size`. */
  readonly units?: number;
  /** For as much money, commission included. */
  readonly money?: number;
  /** The fraction of free equity, above 0 and at most 1; 1 by default. */
  readonly size?: number;
  /** Fills at this price or better, before slippage and spread. */
  readonly limit?: number;
  /** Waits until the price reaches it; with `limit`, it then becomes a limit order. */
  readonly stop?: number;
  /** The stop of the position that the order opens: a price, or `{ fraction }` measured from the fill. */
  readonly stopLoss?: number | { readonly fraction: number };
  readonly takeProfit?: number | { readonly fraction: number };
  /** A stop that follows the best price so far at this fraction's distance. */
  readonly trailingStop?: number;
  /** Leaves at the open after this many bars. */
  readonly maxBars?: number;
  /** `day` ends with the UTC day of the first bar on which the order could fill; `gtc` (default) waits for ever. */
  readonly timeInForce?: "gtc" | "day";
  /** Orders of one group cancel each other when one fills. */
  readonly cancelGroup?: string;
}

/** A waiting order. */
export interface Order {
  readonly id: number;
  /** 1 buys, -1 sells. */
  readonly side: 1 | -1;
  readonly kind: OrderKind;
  readonly request: OrderRequest;
  /** On the tick grid, away from the market; NaN without one. */
  readonly limit: number;
  readonly stop: number;
  /** The bar at whose close it was placed. */
  readonly placedBar: number;
  /** Closes this fraction of the position instead of opening one; 0 for any other order. */
  readonly closes: number;
}

/** The units of one entry. Exits take the oldest first. */
export interface Lot {
  /** Units; negative for a short. */
  size: number;
  entryPrice: number;
  entryBar: number;
  /** Commission of the entry that its exits have not yet carried, money. */
  entryFee: number;
  /** The cost of holding it so far, money; the cash has paid it. */
  holdingCost: number;
  /** Infinite where there is none. */
  stop: number;
  target: number;
  /** 0 without one. */
  trailingFraction: number;
  /** The trailing stop moved the stop to where it is. */
  isTrailed: boolean;
  /** The best price since the entry. */
  best: number;
  /** The bar at whose open it ends; infinite without one. */
  lastBar: number;
  /** The bar in whose processing it was opened, from which its target waits. */
  openedBar: number;
  /** The first bar on which its target may fill. */
  targetFromBar: number;
}
