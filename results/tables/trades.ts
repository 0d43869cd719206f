/** Closed trades of a backtest, in the order of closing. */
import { z } from "zod";
import { EXIT_REASONS } from "../../protocol/index.ts";
import { double, int, optionalDouble, rowShape, text, time } from "../declaration/index.ts";

export const TRADE_COLUMNS = [
  double("size", "units", "Negative for a short."),
  int("entryBar", "bars", "Counted from 0, within the tested range."),
  int("exitBar", "bars"),
  time("entryTimeMs", "The start of the entry's bar."),
  time("exitTimeMs", "The start of the exit's bar."),
  double("entryPrice", "price", "The fill's, with slippage and spread."),
  double("exitPrice", "price", "The fill's, with slippage and spread."),
  double("pnl", "money", "Net of `commission` and `holding_cost`."),
  double("commission", "money", "On both sides."),
  double("returnPercent", "percent", "`pnl` over the entry value."),
  optionalDouble("stopLoss", "price", "As it stood at the exit."),
  optionalDouble("takeProfit", "price", "As it stood at the exit."),
  text("exitReason", z.enum(EXIT_REASONS)),
  double("holdingCost", "money", "Short borrow and interest."),
  int("barsHeld", "bars", "From the entry's bar to the exit's."),
  double("adverseExcursion", "money", "How far the price went against the trade while it was open; at most 0."),
  double("adverseExcursionPercent", "percent", "The same, over the entry value."),
  double("favourableExcursion", "money", "How far the price went with the trade; at least 0."),
  double("favourableExcursionPercent", "percent", "The same, over the entry value."),
] as const;

export const trade = z.strictObject(rowShape(TRADE_COLUMNS));
export type Trade = z.infer<typeof trade>;
