/** The market's part of a fill price, as a small value: spread, slippage, and the step of prices. */
import type { BacktestSettings } from "../../protocol/operations/index.ts";
import type { Side } from "./fill-price.ts";
import { multipleOf } from "./lot-rules.ts";

export interface FillModel {
  /** Fraction of the price that an entry pays on top. */
  readonly spreadRate: number;
  /** Fraction of the price against the trader, on each fill. */
  readonly slippageRate: number;
  /** The step of prices; 0 without one. */
  readonly tickSize: number;
}

export function fillModel({ spreadRate, slippageRate, tickSize = 0 }: BacktestSettings): FillModel {
  return { spreadRate, slippageRate, tickSize };
}

/** `price` after slippage for an order of `side` (1 buys, -1 sells), not yet on the grid of prices. */
export function slippedPrice({ slippageRate }: FillModel, side: Side, price: number): number {
  return shifted(price, side, slippageRate);
}

/** The price that an entry of `side` pays for a unit, from a price after slippage. */
export function priceWithSpread({ spreadRate, tickSize }: FillModel, side: Side, slipped: number): number {
  return roundToTick(shifted(slipped, side, spreadRate), tickSize, side);
}

/** The price of an order of `side` without the spread, as exits and the log of orders have it. */
export function tradedPrice(fills: FillModel, side: Side, price: number): number {
  return roundToTick(slippedPrice(fills, side, price), fills.tickSize, side);
}

/** A level `fraction` of `reference` away from it: above for `direction` 1, below for -1, on the grid away from it. */
export function levelPrice(reference: number, direction: Side, fraction: number, tickSize: number): number {
  return roundToTick(shifted(reference, direction, fraction), tickSize, direction);
}

/** `price` moved by `fraction` of its size, up for `direction` 1. Below zero, up is still up. */
function shifted(price: number, direction: Side, fraction: number): number {
  return price * (price < 0 ? 1 - direction * fraction : 1 + direction * fraction);
}

/** Quotients this close to a whole number of ticks are one: 100.1 / 0.01 is 10009.999999999998. */
const TICK_TOLERANCE = 1e-9;

/**
 * `price` on the grid of `tickSize`, upwards for `direction` 1; as it is for a tick size of 0. A price above 0 keeps at least one
 * tick, since no market quotes 0 for it.
 */
export function roundToTick(price: number, tickSize: number, direction: Side): number {
  return tickSize === 0 || !Number.isFinite(price) ? price : onGrid(price, tickSize, direction);
}

function onGrid(price: number, tickSize: number, direction: Side): number {
  const ticks = price / tickSize;
  const nearest = Math.round(ticks);
  const isOnGrid = Math.abs(ticks - nearest) <= TICK_TOLERANCE * Math.max(1, Math.abs(nearest));
  const whole = isOnGrid ? nearest : direction === 1 ? Math.ceil(ticks) : Math.floor(ticks);
  // A division by 100 rounds once, so that it gives 100.1; a product with 0.01 gives 100.10000000000001.
  const perUnit = Math.round(1 / tickSize);
  // Rounding up to zero from below gives -0, which is not the bits of 0.
  const count = price > 0 ? Math.max(1, whole) : whole + 0;
  return Math.abs(1 / tickSize - perUnit) <= TICK_TOLERANCE * perUnit ? count / perUnit : multipleOf(tickSize, count);
}
