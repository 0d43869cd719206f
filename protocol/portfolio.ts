/** Inputs of a portfolio backtest beyond those of a single one: corporate actions and currencies. */
import { z } from "zod";
import { symbol, timestampMs } from "./identifiers.ts";

/** Inline in one specification; its bytes have a limit of their own. */
export const MAX_CORPORATE_ACTIONS = 2000;

/** A currency, such as `USD`. */
export const currency = z.string().regex(/^[A-Z]{3,5}$/, "three to five capital letters, such as USD");

/** Takes effect before the first bar at or after `exMs` opens. */
export const corporateAction = z.discriminatedUnion("action", [
  /** `ratio` units for each one: 2 for two to one, 0.1 for one to ten. */
  z.strictObject({ symbol, exMs: timestampMs, action: z.literal("split"), ratio: z.number().positive().max(1e6) }),
  /** `amount` for each unit, in the symbol's currency and in units after a split of the same bar. */
  z.strictObject({ symbol, exMs: timestampMs, action: z.literal("dividend"), amount: z.number().positive().max(1e9) }),
]);
export type CorporateAction = z.infer<typeof corporateAction>;

/** Corporate actions for which the prices that indicators read are adjusted; later ones than the bar never count. */
export const historyAdjustment = z.enum(["splits", "splits_and_dividends", "none"]);
export type HistoryAdjustment = z.infer<typeof historyAdjustment>;
