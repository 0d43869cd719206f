/** What one entry holds. */
import type { HeldPart } from "./ledger.ts";

export interface Holding extends HeldPart {
  size: number;
  entryBar: number;
  entryPrice: number;
  entryFee: number;
  holdingCost: number;
  /** Levels that are never reached stand at the infinite end of their side. */
  stop: number;
  target: number;
}

/** A level as a trade tells it: NaN without one. */
export function levelOrNaN(level: number): number {
  return Number.isFinite(level) ? level : Number.NaN;
}
