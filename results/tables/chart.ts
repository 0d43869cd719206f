/** Points for a picture of a run: at most a few thousand; each sums up `barsPerPoint` bars. */
import { z } from "zod";
import { double, leftOutWhenEmpty, listShape, time } from "../declaration/index.ts";

const TIME = time("timeMs", "The start of the point's first bar.");
const EQUITY = double("equity", "money", "At the point's last bar.");
const DRAWDOWN = double("drawdownPercent", "percent", "The deepest within the point; at most 0.");

export const CHART_COLUMNS = [
  TIME,
  double("open", "price"),
  double("high", "price"),
  double("low", "price"),
  double("close", "price"),
  EQUITY,
  DRAWDOWN,
  leftOutWhenEmpty(
    double("benchmark", "money", "Equity of one who holds the benchmark; no column where it is undefined."),
  ),
] as const;

export const PORTFOLIO_CHART_COLUMNS = [
  TIME,
  EQUITY,
  DRAWDOWN,
  double("benchmark", "money", "Equal money in every symbol from its first bar on, held."),
  double("exposurePercent", "percent", "Σ |value| of the positions over the equity."),
] as const;

const barsPerPoint = z.int().min(1);

/** `benchmark` is empty where it is undefined. */
export const chartSeries = z.strictObject({ barsPerPoint, ...listShape(CHART_COLUMNS) });
export type ChartSeries = z.infer<typeof chartSeries>;

export const portfolioChart = z.strictObject({ barsPerPoint, ...listShape(PORTFOLIO_CHART_COLUMNS) });
export type PortfolioChart = z.infer<typeof portfolioChart>;
