/** Decides whether a bar ends a position at its stop or its target. */
import type { Conventions } from "../../protocol/conventions.ts";
import { type Side, stopFillPrice, targetFillPrice } from "../ledger/index.ts";

interface Range {
  readonly open: number;
  readonly high: number;
  readonly low: number;
}

interface LevelExit {
  /** In the symbol's currency, before slippage. */
  readonly price: number;
  readonly reason: "stop_loss" | "take_profit";
  /** The bar touches both, and its prices do not say which one first. */
  readonly isAmbiguous: boolean;
}

/**
 * The exit of a position of `side`, or null where the bar touches no level. The open comes first: a bar that opens beyond
 * the stop ends there, and so does one that opens beyond the target (under `gappedTarget: stop` at the stop, if it
 * touches it). Within the bar the stop is assumed to come first. The target never leaves less than the stop there, since
 * one rate of commission, at most a half, is charged on both.
 */
export function levelExit(
  side: Side,
  { open, high, low }: Range,
  { stop, target }: { readonly stop: number; readonly target: number },
  gappedTarget: Conventions["gappedTarget"],
): LevelExit | null {
  const lost = stopFillPrice(side, open, high, low, stop);
  const won = targetFillPrice(side, open, high, low, target);
  const isLost = !Number.isNaN(lost);
  const isWon = !Number.isNaN(won);
  if (!isLost && !isWon) return null;
  const opensBeyondStop = side * (open - stop) <= 0;
  const opensBeyondTarget = side * (open - target) >= 0 && !opensBeyondStop;
  if (!isLost || (opensBeyondTarget && gappedTarget === "open"))
    return { price: won, reason: "take_profit", isAmbiguous: false };
  return { price: lost, reason: "stop_loss", isAmbiguous: isWon && !opensBeyondStop && !opensBeyondTarget };
}
