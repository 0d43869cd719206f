import type { StrategySignals } from "../../strategy/signals.ts";
import type { EngineResult, OpenPosition } from "../engine/engine-result.ts";

/** A run over all its bars, whatever kind of strategy made it. */
export interface FinishedRun extends EngineResult {
  /** The bar from which the strategy decides. */
  readonly warmupBars: number;
  /** Lots still open at the end of the data, oldest first: `openPosition`, entry by entry. */
  readonly openLots: readonly OpenPosition[];
  /** Null for a script, whose orders stand in `orders`. */
  readonly signals: StrategySignals | null;
}
