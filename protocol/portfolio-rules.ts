/**
 * The `portfolio:` section of a rule strategy, which shares one account among many symbols. Keys stay snake_case, as they
 * stand in the file.
 */
import { z } from "zod";

/** Symbols in one portfolio. */
const MAX_PORTFOLIO_SYMBOLS = 1000;

/** A positive fraction (`0.2`), a percentage (`20%`) or the name of a parameter that holds a fraction. */
const fraction = z.union([z.number(), z.string().min(1).max(70)]);

export const WEIGHT_SCHEMES = ["equal", "inverse_volatility", "rank"] as const;

export const portfolioRules = z.strictObject({
  /** Positions open at once; every symbol by default. Each entry uses `size` of an equal slot of the equity. */
  max_positions: z.int().min(1).max(MAX_PORTFOLIO_SYMBOLS).optional(),
  /** The fraction of the portfolio's equity that an entry uses, instead of its slot. */
  weight: fraction.optional(),
  /** No order takes one symbol above this fraction of the equity. */
  max_weight: fraction.default(1),
  /** A number over the symbol's own series; entries of one moment go in its order. Symbols without a value do not enter. */
  rank_by: z.string().min(1).max(2000).optional(),
  rank_order: z.enum(["descending", "ascending"]).default("descending"),
  /** Brings positions to their target weights at set moments. */
  rebalance: z
    .strictObject({
      /** At the first moment of each period, or once in this many moments. */
      every: z.union([z.enum(["daily", "weekly", "monthly"]), z.int().min(1).max(1_000_000)]),
      weights: z.enum(WEIGHT_SCHEMES).default("equal"),
      /** Returns that `inverse_volatility` looks at. */
      volatility_bars: z.int().min(2).max(10_000).default(20),
      /** `held`: signals enter and leave. `ranked`: the best symbols whose entry condition holds are held, until the next time. */
      select: z.enum(["held", "ranked"]).default("held"),
      /** Positions that are off their weight by less than this fraction of the equity stay as they are. */
      band: z.number().min(0).max(1).default(0),
    })
    .optional(),
});
export type PortfolioRules = z.infer<typeof portfolioRules>;
