/** Inputs and results of the portfolio engine. Symbols stand in the order of their names; a `slot` is their index. */
import type { PortfolioExitReason, PortfolioRefusal } from "../../protocol/portfolio-result.ts";
import type { PortfolioRules } from "../../protocol/portfolio-rules.ts";
import type { RefusalFigures } from "../ledger/index.ts";
import type { BarColumns } from "../market-data/bars.ts";
import type { StrategySignals } from "../strategy/signals.ts";

/** A corporate action at the open of one bar, before anything trades there. */
export interface BarAction {
  readonly bar: number;
  /** Units after it for each unit before it; 1 for none. */
  readonly split: number;
  /** For each unit after the split, in the quote currency; 0 for none. */
  readonly dividend: number;
}

export interface PortfolioSymbol {
  readonly symbol: string;
  /** As traded: not adjusted for `actions`. */
  readonly bars: BarColumns;
  readonly signals: StrategySignals;
  /** By bar, ascending, at most one a bar. */
  readonly actions: readonly BarAction[];
  /** Account money for one of the quote currency, at each bar's open and close; null where they are the same. */
  readonly rates: { readonly open: Float64Array; readonly close: Float64Array } | null;
}

type Rebalance = NonNullable<PortfolioRules["rebalance"]>;

export interface PortfolioPlan {
  readonly maxPositions: number;
  /** The fraction of the equity that an entry uses. */
  readonly weight: number;
  readonly maxWeight: number;
  readonly rankOrder: PortfolioRules["rank_order"];
  readonly rebalance: Rebalance | null;
}

export interface PortfolioTrade {
  readonly slot: number;
  /** Units; negative for a short. In units of the exit, where a split came between. */
  readonly size: number;
  /** Moments of the clock. */
  readonly entryMoment: number;
  readonly exitMoment: number;
  /** In the quote currency; the average where the position grew, and adjusted for splits. */
  readonly entryPrice: number;
  readonly exitPrice: number;
  /** Net of commission and with dividends, money. */
  readonly pnl: number;
  readonly commission: number;
  readonly dividends: number;
  /** `pnl` as a fraction of the entry's value. */
  readonly returnFraction: number;
  /** NaN without one. */
  readonly stopLoss: number;
  readonly takeProfit: number;
  readonly exitReason: PortfolioExitReason;
}

/** A position that the end of the data found open. */
export interface OpenHolding {
  readonly slot: number;
  readonly size: number;
  readonly entryMoment: number;
  readonly entryPrice: number;
  /** The profit that it would add when closed at its mark, with the entry's commission and dividends. */
  readonly profit: number;
  /** Commission of the entry that is still open. */
  readonly commission: number;
  readonly dividends: number;
}

/** Figures of the first entry that was refused for a reason; under `below_lot` its share is what was free. */
export type FirstRefusals = Partial<Record<PortfolioRefusal, RefusalFigures & { readonly slot: number }>>;

export interface PortfolioCounts {
  /** Entries that became no position, by reason. */
  readonly refusals: Readonly<Record<PortfolioRefusal, number>>;
  readonly firstRefusals: FirstRefusals;
  /** Entries that the free equity made smaller than their weight. */
  readonly reducedEntries: number;
  readonly conflictingEntries: number;
  readonly ambiguousBars: number;
  /** Symbols that have fewer bars than their indicators need. */
  readonly neverDecided: number;
  /** Positions that end at the mark of a symbol whose bars end before the clock does. */
  readonly endedEarly: number;
  readonly isRuined: boolean;
}

export interface PortfolioRun {
  /** Milliseconds; everything below has one value for each. */
  readonly clock: Float64Array;
  readonly equity: Float64Array;
  /** Σ |value| of the positions / equity at each moment's end; 0 once ruined. */
  readonly exposure: Float64Array;
  readonly positions: Uint16Array;
  /** In the order of closing. */
  readonly trades: readonly PortfolioTrade[];
  readonly open: readonly OpenHolding[];
  /** The money at the end of the run, besides the open positions' profit. */
  readonly cash: number;
  readonly counts: PortfolioCounts;
}
