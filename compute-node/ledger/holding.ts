/** The position that one entry opened. */
import type { HeldPart } from "./ledger.ts";

export interface Holding extends HeldPart {
  size: number;
  entryBar: number;
  entryPrice: number;
  entryFee: number;
  holdingCost: number;
  /** An absent level stands at the infinite end of its side, where no price reaches it. */
  stop: number;
  target: number;
}

/** A level as a trade records it: NaN without one. */
export function levelOrNaN(level: number): number {
  return Number.isFinite(level) ? level : Number.NaN;
}
