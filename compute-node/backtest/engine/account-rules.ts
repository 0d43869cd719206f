/**
 * @file What the settings ask of an account beyond its fills: holding costs, liquidation, price steps, maker fees.
 * Pure rules for one account with positions on one side, shared by the signal engine and the broker.
 *
 * Signed money that a position borrows is Σ size · entry price − cash, where `cash` is capital and profits so far: what
 * a long's price took beyond the cash (below 0 while nothing is borrowed), and for a short minus what the sale left.
 */
import { DAY_MS } from "../../../protocol/durations.ts";
import type { BacktestSettings } from "../../../protocol/operations/index.ts";
import { Problem } from "../../../protocol/problem.ts";
import type { Side } from "./fill-price.ts";

/** Yearly rates are charged by the day, as actual/365. */
const RATE_YEAR_MS = 365 * DAY_MS;

/** The settings with every option decided. */
export interface AccountRules {
  readonly takerRate: number;
  readonly makerRate: number;
  /** 0 without one. */
  readonly tickSize: number;
  readonly shortBorrowPerMs: number;
  readonly financingPerMs: number;
  /** 0 without liquidation. */
  readonly maintenanceMargin: number;
  /** Each bar of a holding changes the account, or may end it. */
  readonly watchesHoldings: boolean;
  readonly chargesHoldings: boolean;
}

/** @throws Problem `invalid-request` for a maintenance margin at or above the margin: it would liquidate at the entry */
export function accountRules(settings: BacktestSettings): AccountRules {
  const { commissionRate, makerCommissionRate, margin, maintenanceMargin = 0, tickSize = 0 } = settings;
  const { shortBorrowRate = 0, financingRate = 0 } = settings;
  if (maintenanceMargin >= margin) {
    throw new Problem(
      "invalid-request",
      `The maintenance margin of ${maintenanceMargin} is not below the margin of ${margin}.`,
      { cure: "Give a maintenance_margin below margin, such as half of it." },
    );
  }
  const chargesHoldings = shortBorrowRate > 0 || financingRate > 0;
  return {
    takerRate: commissionRate,
    makerRate: makerCommissionRate ?? commissionRate,
    tickSize,
    shortBorrowPerMs: shortBorrowRate / RATE_YEAR_MS,
    financingPerMs: financingRate / RATE_YEAR_MS,
    maintenanceMargin,
    chargesHoldings,
    watchesHoldings: chargesHoldings || maintenanceMargin > 0,
  };
}

/**
 * Money that holding `size` units for `elapsedMs` costs: a short pays the borrowing of its value at `price`, a long the
 * interest on what it borrows.
 */
export function holdingCost(
  { shortBorrowPerMs, financingPerMs }: AccountRules,
  size: number,
  borrowed: number,
  price: number,
  elapsedMs: number,
): number {
  if (size < 0) return -size * price * shortBorrowPerMs * elapsedMs;
  return Math.max(0, borrowed) * financingPerMs * elapsedMs;
}

/**
 * The price at which equity is `maintenanceMargin` of the position's value: size · price − borrowed = m · |size| · price.
 * Beyond it the broker closes the position, at the open where a gap passed it. Infinite, on the side of the loss, where
 * there is no such rule or no such price. Of what happens within a bar the worst is assumed: one touch is enough.
 */
export function liquidationPrice({ maintenanceMargin }: AccountRules, size: number, borrowed: number): number {
  const side = size > 0 ? 1 : -1;
  if (maintenanceMargin === 0 || (side === 1 && borrowed <= 0)) return -side * Number.POSITIVE_INFINITY;
  return borrowed / (size * (1 - side * maintenanceMargin));
}

/** Quotients this close to a whole number of ticks are one: 100.1 / 0.01 is 10009.999999999998. */
const TICK_TOLERANCE = 1e-9;

/** `price` on the grid of `tickSize`, upwards for `direction` 1, at least one tick; as it is for a tick size of 0. */
export function roundToTick(price: number, tickSize: number, direction: Side): number {
  return tickSize === 0 || !Number.isFinite(price) ? price : onGrid(price, tickSize, direction);
}

function onGrid(price: number, tickSize: number, direction: Side): number {
  const ticks = price / tickSize;
  const nearest = Math.round(ticks);
  const isOnGrid = Math.abs(ticks - nearest) <= TICK_TOLERANCE * Math.max(1, nearest);
  const whole = isOnGrid ? nearest : direction === 1 ? Math.ceil(ticks) : Math.floor(ticks);
  // A division by 100 rounds once, so that it gives 100.1; a product with 0.01 gives 100.10000000000001.
  const perUnit = Math.round(1 / tickSize);
  const least = Math.max(1, whole);
  return Math.abs(1 / tickSize - perUnit) <= TICK_TOLERANCE * perUnit ? least / perUnit : least * tickSize;
}
