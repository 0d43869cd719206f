/** The format of a backtest's result, and the reasons, kinds and states that it names. `results/` has the whole. */
import { z } from "zod";

export const BACKTEST_RESULT_FORMAT = "ktrdr.backtest.v3";
export const BACKTEST_RESULT_MEDIA_TYPE = "application/vnd.ktrdr.backtest+zip";

/** JSON has no NaN and no infinity: an undefined statistic is null, an infinite one the text "Infinity". */
export const statistic = z.union([z.number(), z.literal("Infinity"), z.literal("-Infinity"), z.null()]);

export const EXIT_REASONS = [
  "signal",
  "stop_loss",
  "take_profit",
  "end_of_data",
  "ruin",
  "trailing_stop",
  "time_stop",
  "liquidation",
] as const;

/** Reasons for which an entry did not become a position. */
export const REFUSAL_REASONS = ["no_cash", "below_lot", "margin", "pyramiding", "no_size"] as const;
export const ORDER_KINDS = ["market", "limit", "stop", "stop_limit"] as const;
export const ORDER_STATUSES = ["filled", "cancelled", "expired", "refused", "waiting"] as const;
/** Reasons for the end of an order. A fill's reason is that of its trade. */
export const ORDER_REASONS = [
  ...EXIT_REASONS,
  /** Cancelled: by the strategy; by another order of its group; because the position that it would have closed was gone. */
  "withdrawn",
  "group_filled",
  "position_closed",
  /** Expired. */
  "day_over",
  ...REFUSAL_REASONS,
] as const;
