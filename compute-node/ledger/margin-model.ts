/**
 * @file The rules of borrowing for an account, as a small value: how much it may buy, what holding costs, when it is
 * liquidated. The rules are those of one account with positions on one side.
 *
 * Signed money that a position borrows is Σ size · entry price − cash, where `cash` is capital and profits so far: what
 * a long's price took beyond the cash (below 0 while nothing is borrowed), and for a short minus what the sale left.
 */
import { DAY_MS } from "../../protocol/durations.ts";
import type { BacktestSettings } from "../../protocol/operations/index.ts";
import { Problem } from "../../protocol/problem.ts";

/** Yearly rates are charged by the day, as actual/365. */
const RATE_YEAR_MS = 365 * DAY_MS;

export interface MarginModel {
  /** The fraction of a position's value that must be held. */
  readonly margin: number;
  /** 1 / margin. */
  readonly leverage: number;
  /** 0 without liquidation. */
  readonly maintenanceMargin: number;
  readonly shortBorrowPerMs: number;
  readonly financingPerMs: number;
  /** Each bar of a holding changes the account, or may end it. */
  readonly watchesHoldings: boolean;
  readonly chargesHoldings: boolean;
}

/** @throws Problem `invalid-request` for a maintenance margin at or above the margin: it would liquidate at the entry */
export function marginModel(settings: BacktestSettings): MarginModel {
  const { margin, maintenanceMargin = 0, shortBorrowRate = 0, financingRate = 0 } = settings;
  if (maintenanceMargin >= margin) {
    throw new Problem(
      "invalid-request",
      `The maintenance margin of ${maintenanceMargin} is not below the margin of ${margin}.`,
      { cure: "Give a maintenance_margin below margin, such as half of it." },
    );
  }
  const chargesHoldings = shortBorrowRate > 0 || financingRate > 0;
  return {
    margin,
    leverage: 1 / margin,
    maintenanceMargin,
    shortBorrowPerMs: shortBorrowRate / RATE_YEAR_MS,
    financingPerMs: financingRate / RATE_YEAR_MS,
    chargesHoldings,
    watchesHoldings: chargesHoldings || maintenanceMargin > 0,
  };
}

/** Money of `equity` that no position binds; `gross` is Σ |value| of the positions. */
export function freeEquity({ margin }: MarginModel, equity: number, gross: number): number {
  return equity - gross * margin;
}

/** Value, in size, that `free` money may buy; none without any. */
export function buyingPower({ leverage }: MarginModel, free: number): number {
  return Math.max(0, free) * leverage;
}

/**
 * Money that holding `size` units for `elapsedMs` costs: a short pays the borrowing of its value at `price`, a long the
 * interest on the money that it borrows.
 */
export function holdingCost(
  { shortBorrowPerMs, financingPerMs }: MarginModel,
  size: number,
  borrowed: number,
  price: number,
  elapsedMs: number,
): number {
  if (size < 0) return -size * Math.abs(price) * shortBorrowPerMs * elapsedMs;
  return Math.max(0, borrowed) * financingPerMs * elapsedMs;
}

/**
 * The price at which equity is `maintenanceMargin` of the position's value: size · price − borrowed = m · |size · price|.
 * Beyond it the broker closes the position, at the open where a gap passed it. Infinite, on the side of the loss, where
 * there is no such rule. The worst within a bar is assumed: one touch is enough. It is below 0 for a long that
 * borrows nothing, which only markets with such prices reach.
 */
export function liquidationPrice({ maintenanceMargin }: MarginModel, size: number, borrowed: number): number {
  const side = size > 0 ? 1 : -1;
  if (maintenanceMargin === 0) return -side * Number.POSITIVE_INFINITY;
  // Nothing is left at `borrowed` / size, and the liquidation stands on the better side of it.
  const sign = borrowed * side >= 0 ? 1 : -1;
  return borrowed / (size * (1 - side * sign * maintenanceMargin));
}
