/** Trades of one side, or all of them. A figure is null where the count that it divides by, beside it, is 0. */
import { z } from "zod";
import { count, figure, figureShape } from "../declaration/index.ts";

export const SIDE_FIGURES = [
  count("tradeCount", "Trades", { row: 1 }),
  count("winningTrades", "Winning", { row: 2, formula: "with a profit above 0, after costs" }),
  count("losingTrades", "Losing", { row: 3, formula: "with a profit below 0, after costs" }),
  figure("winRatePercent", "Win rate", "percent", { row: 4, formula: "`winning_trades` / `trade_count`" }),
  figure("profit", "Profit", "money", { row: 5, signed: true, formula: "of all of them" }),
  figure("commission", "Commission", "money", { row: 6, formula: "of all of them" }),
  figure("expectancyPercent", "Mean return", "percent", { row: 8, signed: true }),
  figure("bestTradePercent", "Best return", "percent", { row: 9, signed: true }),
  figure("worstTradePercent", "Worst return", "percent", { row: 10, signed: true }),
  figure("profitFactor", "Profit factor", "ratio", {
    row: 7,
    hint: "Money won over money lost",
    formula: "money won / money lost; null without a losing trade",
  }),
  figure("averageWin", "Average win", "money", { row: 11, signed: true }),
  figure("averageLoss", "Average loss", "money", { row: 12, signed: true }),
  figure("largestWin", "Largest win", "money", { row: 13, signed: true }),
  figure("largestLoss", "Largest loss", "money", { row: 14, signed: true }),
  figure("averageBarsHeld", "Bars held", "bars", { row: 15, formula: "mean, from the entry's bar to the exit's" }),
  figure("averageDurationMs", "Average length", "duration", { row: 16 }),
  figure("averageWinDurationMs", "Length of wins", "duration", { row: 17, formula: "mean" }),
  figure("averageLossDurationMs", "Length of losses", "duration", { row: 18, formula: "mean" }),
  figure("averageAdverseExcursionPercent", "Adverse excursion", "percent", { row: 19, signed: true, formula: "mean" }),
  figure("worstAdverseExcursionPercent", "Worst excursion", "percent", { row: 20, signed: true }),
  figure("averageFavourableExcursionPercent", "Favourable excursion", "percent", {
    row: 21,
    signed: true,
    formula: "mean",
  }),
  figure("bestFavourableExcursionPercent", "Best excursion", "percent", { row: 22, signed: true }),
] as const;

export const sideStatistics = z.strictObject(figureShape(SIDE_FIGURES));
export type SideStatistics = z.infer<typeof sideStatistics>;

export const SIDES = [
  { key: "all", label: "All" },
  { key: "long", label: "Long" },
  { key: "short", label: "Short" },
] as const;

export const tradeSides = z.strictObject({ all: sideStatistics, long: sideStatistics, short: sideStatistics });
