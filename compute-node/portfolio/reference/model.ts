/** The state of the slow portfolio engine. */
import type { PortfolioSymbol } from "../portfolio-model.ts";

export interface ReferenceTrade {
  symbol: string;
  size: number;
  entryMoment: number;
  exitMoment: number;
  entryPrice: number;
  exitPrice: number;
  pnl: number;
  commission: number;
  dividends: number;
  exitReason: string;
}

export interface Position {
  size: number;
  entryMoment: number;
  entryPrice: number;
  /** Account money for a unit. */
  cost: number;
  mark: number;
  fee: number;
  dividends: number;
  stop: number | null;
  target: number | null;
}

/** The account right after an entry. */
export interface EntryMark {
  readonly equity: number;
  readonly free: number;
  /** Money between the mark and the price paid, and the margin of it. */
  readonly priceLoss: number;
  readonly isLong: boolean;
}

export interface Order {
  name: string;
  /** The bar of the symbol whose close gave the order. */
  bar: number;
  kind: "exit" | "enter" | "resize";
  reason: "signal" | "rebalance";
  direction: number;
  share: number;
  rank: number;
}

export interface Market {
  name: string;
  of: PortfolioSymbol;
  /** Bars by moment. */
  barAt: Map<number, number>;
  position: Position | null;
}
