/** The account at each bar's close; for a portfolio at each moment of its clock. */
import { double, int, time } from "../declaration/index.ts";

const DRAWDOWN = double("drawdownPercent", "percent", "From the highest equity so far; at most 0.");

export const EQUITY_COLUMNS = [
  time("timeMs", "The bar's start."),
  double("equity", "money", "Cash and what is held, at the bar's close."),
  DRAWDOWN,
  double("exposure", "fraction", "What is held at the close over the equity: 0.5 is half of it, negative for a short."),
] as const;

export const PORTFOLIO_EQUITY_COLUMNS = [
  time("timeMs", "The moment."),
  double("equity", "money", "Cash and what is held, at the moment's end."),
  DRAWDOWN,
  double("exposure", "fraction", "Σ |value| of the positions over the equity."),
  int("positions", "count", "Symbols that are held."),
] as const;
