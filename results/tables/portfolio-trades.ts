/** Closed trades of a portfolio. Bars are counted on its clock, the union of its symbols' times. */
import { z } from "zod";
import { PORTFOLIO_EXIT_REASONS, symbol } from "../../protocol/index.ts";
import { double, int, optionalDouble, rowShape, text, time } from "../declaration/index.ts";

const EXIT_REASON = text("exitReason", z.enum(PORTFOLIO_EXIT_REASONS));

export const PORTFOLIO_TRADE_COLUMNS = [
  text("symbol", symbol),
  double("size", "units", "Those of the exit; negative for a short."),
  int("entryBar", "bars", "Counted from 0 on the portfolio's clock."),
  int("exitBar", "bars"),
  time("entryTimeMs"),
  time("exitTimeMs"),
  double("entryPrice", "price", "The average where the position grew, and in the exit's units after a split."),
  double("exitPrice", "price"),
  double("pnl", "money", "Net of `commission`, with `dividends`."),
  double("commission", "money", "On both sides."),
  double("dividends", "money"),
  double("returnPercent", "percent", "`pnl` over the entry value."),
  optionalDouble("stopLoss", "price", "As it stood at the exit."),
  optionalDouble("takeProfit", "price", "As it stood at the exit."),
  EXIT_REASON,
  double("adverseExcursionPercent", "percent", "How far the price went against the trade; at most 0."),
  double("favourableExcursionPercent", "percent", "How far it went with the trade; at least 0."),
] as const;

/** In the file, the reason follows the figures. */
export const PORTFOLIO_TRADE_FILE_COLUMNS = [
  ...PORTFOLIO_TRADE_COLUMNS.filter((column) => column !== EXIT_REASON),
  EXIT_REASON,
];

export const portfolioTrade = z.strictObject(rowShape(PORTFOLIO_TRADE_COLUMNS));
export type PortfolioTrade = z.infer<typeof portfolioTrade>;
