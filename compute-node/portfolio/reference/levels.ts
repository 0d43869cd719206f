/** The way of a price through a bar, past a stop and a target. */
import type { Position } from "./model.ts";

/** The open comes first. Within the bar the stop does, since its prices leave that open. Null where nothing is reached. */
export function levelReached(
  { stop, target, size }: Pick<Position, "stop" | "target" | "size">,
  open: number,
  high: number,
  low: number,
  stopWinsGaps: boolean,
): { price: number; reason: string; isAmbiguous: boolean } | null {
  const isLong = size > 0;
  const [worst, best] = isLong ? [low, high] : [high, low];
  const isLoss = (price: number) => stop !== null && (isLong ? price <= stop : price >= stop);
  const isGain = (price: number) => target !== null && (isLong ? price >= target : price <= target);
  if (isLoss(open)) return { price: open, reason: "stop_loss", isAmbiguous: false };
  if (isGain(open) && !(stopWinsGaps && isLoss(worst)))
    return { price: open, reason: "take_profit", isAmbiguous: false };
  if (isLoss(worst)) return { price: stop!, reason: "stop_loss", isAmbiguous: isGain(best) && !isGain(open) };
  return isGain(best) ? { price: target!, reason: "take_profit", isAmbiguous: false } : null;
}
