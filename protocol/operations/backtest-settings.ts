/** What every backtest asks of its simulated broker. */
import { z } from "zod";

/** Costs and fills of a simulated broker. Rates are fractions: 0.001 is 0.1 %. */
export const backtestSettings = z.strictObject({
  initialCapital: z.number().positive().default(100_000),
  /** Of the traded value, on each side. */
  commissionRate: z.number().min(0).max(0.5).default(0),
  /** In money, on each order. */
  commissionFixed: z.number().min(0).default(0),
  /** In money, on each unit of each order. */
  commissionPerUnit: z.number().min(0).default(0),
  /** In money: what an order pays at least. */
  commissionMinimum: z.number().min(0).default(0),
  /** Entry pays price × (1 + rate) when buying, (1 − rate) when selling short. */
  spreadRate: z.number().min(0).max(0.5).default(0),
  /** Against the trader, on each fill. */
  slippageRate: z.number().min(0).max(0.5).default(0),
  /** 1 / leverage: the fraction of a position's value that must be held. */
  margin: z.number().positive().max(1).default(1),
  fractionalUnits: z.boolean().default(false),
  /** Entries are multiples of it; 0 leaves it at whole units, or none with `fractionalUnits`. */
  lotSize: z.number().min(0).default(0),
  fillAt: z.enum(["next_open", "close"]).default("next_open"),
  /** Close what is open at the last bar, so that it appears among the trades. */
  finalizeTrades: z.boolean().default(true),
  // Without a default, so that specifications from before these came keep their hashes, and results their bytes.
  /** Of the traded value, for limit orders that stood in the book; `commissionRate` without it. Below 0 is a rebate. */
  makerCommissionRate: z.number().min(-0.01).max(0.5).optional(),
  /** A year's fee for borrowing what a short sold, as a fraction of its value. */
  shortBorrowRate: z.number().min(0).max(10).optional(),
  /** A year's interest on the money that leverage borrows, as a fraction. */
  financingRate: z.number().min(0).max(10).optional(),
  /** Equity below this fraction of the position's value liquidates it; below `margin`. */
  maintenanceMargin: z.number().positive().lt(1).optional(),
  /** The step of prices: fills are rounded to it against the trader. */
  tickSize: z.number().positive().optional(),
});
export type BacktestSettings = z.infer<typeof backtestSettings>;
