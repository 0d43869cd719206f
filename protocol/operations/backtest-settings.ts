/** Settings of the simulated broker, the same for every kind of backtest. */
import { z } from "zod";
import { conventionFields } from "../conventions.ts";

/** Costs and fills of a simulated broker. Rates are fractions: 0.001 is 0.1 %. */
export const backtestSettings = z.strictObject({
  initialCapital: z.number().positive().default(100_000),
  /** Fraction of the traded value, on each side. */
  commissionRate: z.number().min(0).max(0.5).default(0),
  /** Money on each order. */
  commissionFixed: z.number().min(0).default(0),
  /** Money on each unit of each order. */
  commissionPerUnit: z.number().min(0).default(0),
  /** The least that an order pays, in money. */
  commissionMinimum: z.number().min(0).default(0),
  /** Entry pays price × (1 + rate) when buying, (1 − rate) when selling short. */
  spreadRate: z.number().min(0).max(0.5).default(0),
  /** Worsens each fill for the trader. */
  slippageRate: z.number().min(0).max(0.5).default(0),
  /** 1 / leverage: the fraction of a position's value that must be held. */
  margin: z.number().positive().max(1).default(1),
  fractionalUnits: z.boolean().default(false),
  /** Entries are multiples of it; 0 leaves it at whole units, or none with `fractionalUnits`. */
  lotSize: z.number().min(0).default(0),
  fillAt: z.enum(["next_open", "close"]).default("next_open"),
  /** Closes open positions at the last bar, so that they appear among the trades. */
  finalizeTrades: z.boolean().default(true),
  // These have no default: specifications that are older than the keys keep their hashes, and results their bytes.
  /** Fraction of the traded value for limit orders that stood in the book; `commissionRate` without it. Below 0 is a rebate. */
  makerCommissionRate: z.number().min(-0.01).max(0.5).optional(),
  /** A year's fee for borrowing the units of a short, as a fraction of their value. */
  shortBorrowRate: z.number().min(0).max(10).optional(),
  /** A year's interest on the money that leverage borrows, as a fraction. */
  financingRate: z.number().min(0).max(10).optional(),
  /** Equity below this fraction of the position's value liquidates it; below `margin`. */
  maintenanceMargin: z.number().positive().lt(1).optional(),
  /** The step of prices: fills are rounded to it against the trader. */
  tickSize: z.number().positive().optional(),
  ...conventionFields,
});
export type BacktestSettings = z.infer<typeof backtestSettings>;
