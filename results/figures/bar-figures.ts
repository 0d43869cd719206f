/**
 * Figures from the bars' own simple returns, as in ktrdr (Python). They are annualised by the number of bars that the data has
 * in a year: mean over deviation, times the root of it. They are not compounded, unlike `statistics`.
 */
import { z } from "zod";
import { figure, figureShape } from "../declaration/index.ts";

export const BAR_FIGURES = [
  figure("barsPerYear", "Bars a year", "count", {
    row: 2,
    hint: "As the data has them",
    formula: "as many as the data itself has",
  }),
  figure("totalReturn", "Total return", "money", { row: 1, signed: true, formula: "final less initial equity" }),
  figure("volatilityPercent", "Volatility", "percent", { row: 3, formula: "deviation (with n) · √bars a year" }),
  figure("sharpeRatio", "Sharpe, by bars", "ratio", { row: 4, formula: "mean / deviation (with n) · √bars a year" }),
  figure("sortinoRatio", "Sortino, by bars", "ratio", {
    row: 5,
    formula: "mean / deviation of the losses among themselves · √bars a year",
  }),
  figure("calmarRatio", "Calmar, by bars", "ratio", {
    row: 6,
    hint: "CAGR over max drawdown",
    formula: "CAGR / deepest drawdown",
  }),
  figure("maxDrawdown", "Max drawdown, money", "money", {
    row: 7,
    formula: "from the peak before the deepest drawdown (as a fraction) to its bottom",
  }),
  figure("recoveryFactor", "Recovery factor", "ratio", {
    row: 8,
    hint: "Total return over it",
    formula: "`total_return` / `max_drawdown`",
  }),
] as const;

export const barStatistics = z.strictObject(figureShape(BAR_FIGURES));
export type BarStatistics = z.infer<typeof barStatistics>;
