/** The result of a run over the bars, from either engine. */
import type { Conventions } from "../../../protocol/conventions.ts";
import type { ResultWarning } from "../../../protocol/warnings.ts";
import type { RefusalReason } from "./engine-warnings.ts";
import type { OrderLog } from "./order-log.ts";
import type { TradeLog } from "./trade-log.ts";

/** A position that the end of the data found open and that is not among the trades. */
export interface OpenPosition {
  /** Units; negative for a short. */
  readonly size: number;
  readonly entryBar: number;
  readonly entryPrice: number;
}

export interface EngineResult {
  /** Those that the run followed. */
  readonly conventions: Conventions;
  /** In the order of closing. */
  readonly trades: TradeLog;
  /** Money at each bar's close: cash plus the open position's profit. */
  readonly equity: Float64Array;
  /** The money at the end of the run, besides the open position's profit. */
  readonly cash: number;
  readonly openPosition: OpenPosition | null;
  readonly warnings: ResultWarning[];
  readonly refusals: Readonly<Record<RefusalReason, number>>;
  /** For a script, every order. For signals, only refused ones; filled ones are in `trades`. */
  readonly orders: OrderLog;
}

/** Called with the number of bars done; throwing from it stops the run. */
export type BarsDone = (bars: number) => void;
