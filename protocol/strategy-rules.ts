/**
 * A rule strategy as people write it in YAML: indicators, conditions, stops, parameters.
 * Conditions are text in the expression language of `compute-node/strategy`; this schema checks the shape alone.
 * Keys stay snake_case, as they stand in the file.
 */
import { z } from "zod";
import { portfolioRules } from "./portfolio-rules.ts";

const identifier = z
  .string()
  .regex(/^[a-z_][a-z0-9_]{0,63}$/, "lower-case letters, digits and '_', not starting with a digit, at most 64");

/** A number that researchers may override or sweep; a bare number is short for `{ default: n }`. */
export const strategyParameter = z.union([
  z.number(),
  z.strictObject({
    default: z.number(),
    min: z.number().optional(),
    max: z.number().optional(),
    step: z.number().positive().optional(),
    description: z.string().max(500).optional(),
  }),
]);

/** `type` names the indicator; every other key is one of its parameters: a number, or a strategy parameter's name. */
const indicatorUse = z.looseObject({ type: z.string().min(1).max(40) });

/** A condition over prices, indicators and parameters, such as `sma_fast crosses above sma_slow and rsi_14 < 70`. */
const condition = z.string().min(1).max(2000);

/** A positive fraction (`0.03`), a percentage (`3%`) or the name of a parameter that holds a fraction. */
const fraction = z.union([z.number(), z.string().min(1).max(70)]);

/** The size of an entry: a fraction of the free equity, or a rule that computes it. */
const positionSize = z.union([
  fraction,
  /** Always this many units. */
  z.strictObject({ units: z.number().positive() }),
  /** Always for this much money, commission included. */
  z.strictObject({ money: z.number().positive() }),
  /**
   * The yearly volatility that the position shall have: its value is equity times target / measured, at most what the
   * account may hold. Measured from the last `window` returns, whose bars are counted into years by the data so far.
   */
  z.strictObject({ volatility_target: fraction, window: z.int().min(2).max(100_000).default(20) }),
  /** The loss at the stop, as a fraction of equity: the size is risk / stop_loss, at most 1. */
  z.strictObject({ risk: fraction }),
  /**
   * Kelly's fraction of a bet that wins `payoff` times what it loses: win_rate - (1 - win_rate) / payoff, times `share`
   * (J. L. Kelly, Bell System Technical Journal 35 (1956) 917).
   */
  z.strictObject({ win_rate: fraction, payoff: z.number().positive(), share: fraction.default(0.5) }),
]);

/** A protective level, measured from the close of the signal bar (default) or from the fill. */
const protectiveLevel = z.union([
  fraction,
  z.strictObject({ fraction, from: z.enum(["signal_close", "fill"]).default("signal_close") }),
]);

export const ruleStrategy = z.strictObject({
  kind: z.literal("rules"),
  name: z.string().min(1).max(100),
  description: z.string().max(4000).optional(),
  parameters: z.record(identifier, strategyParameter).default({}),
  indicators: z.record(identifier, indicatorUse).default({}),
  entries: z.strictObject({ long: condition.optional(), short: condition.optional() }),
  exits: z.strictObject({ long: condition.optional(), short: condition.optional() }).default({}),
  /** An entry signal against an open position closes it and opens the other side at the same fill. */
  reverse: z.boolean().default(false),
  /** The fraction of free equity that an entry may use, above 0 and at most 1, or another rule of size. */
  size: positionSize.default(1),
  stop_loss: protectiveLevel.optional(),
  take_profit: protectiveLevel.optional(),
  /** For many symbols on one account; a backtest of one symbol does not read it. */
  portfolio: portfolioRules.optional(),
});

export type RuleStrategy = z.infer<typeof ruleStrategy>;
export type StrategyParameter = z.infer<typeof strategyParameter>;
