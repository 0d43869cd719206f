/** Lots as they open, and how their stops follow the price. */
import { levelPrice, roundToTick, type Side } from "../../ledger/index.ts";
import type { Lot, OrderRequest } from "./order.ts";

/** A lot with the levels that its order asked for; whoever opens it says on which bar. */
export function openedLot(
  request: OrderRequest,
  entry: Pick<Lot, "size" | "entryPrice" | "entryBar" | "entryFee">,
  tickSize: number,
): Lot {
  const { size, entryPrice, entryBar } = entry;
  const side: Side = size > 0 ? 1 : -1;
  const lot: Lot = {
    size,
    entryPrice,
    entryBar,
    entryFee: entry.entryFee,
    holdingCost: 0,
    stop: levelOf(request.stopLoss, side === 1 ? -1 : 1, entryPrice, tickSize),
    target: levelOf(request.takeProfit, side, entryPrice, tickSize),
    trailingFraction: request.trailingStop ?? 0,
    isTrailed: false,
    best: entryPrice,
    lastBar: request.maxBars === undefined ? Number.POSITIVE_INFINITY : entryBar + request.maxBars,
    openedBar: entryBar,
    targetFromBar: entryBar,
  };
  if (lot.trailingFraction > 0) followPrice(lot, tickSize);
  return lot;
}

/** `direction` 1 above the entry, -1 below it; on the tick grid away from the entry. */
function levelOf(level: OrderRequest["stopLoss"], direction: Side, entryPrice: number, tickSize: number): number {
  if (level === undefined) return direction * Number.POSITIVE_INFINITY;
  if (typeof level === "number") return roundToTick(level, tickSize, direction);
  return levelPrice(entryPrice, direction, level.fraction, tickSize);
}

/** True when a price or the time may end it. */
export function isGuarded({ stop, target, trailingFraction, lastBar }: Lot): boolean {
  return Number.isFinite(stop) || Number.isFinite(target) || trailingFraction > 0 || Number.isFinite(lastBar);
}

/** The price at which a trailing stop stands that has seen `best`. */
export function trailedLevel({ size, trailingFraction }: Lot, best: number, tickSize: number): number {
  return levelPrice(best, size > 0 ? -1 : 1, trailingFraction, tickSize);
}

/** The trailing stop never moves back, and never loosens a plain stop. */
export function followPrice(lot: Lot, tickSize: number): void {
  const side: Side = lot.size > 0 ? 1 : -1;
  const level = trailedLevel(lot, lot.best, tickSize);
  if (side * (level - lot.stop) <= 0) return;
  lot.stop = level;
  lot.isTrailed = true;
}
