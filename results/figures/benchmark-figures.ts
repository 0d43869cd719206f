/**
 * Compares the strategy with buying and holding, without costs, over the same calendar periods. The risk-free rate is 0.
 */
import { z } from "zod";
import { symbol } from "../../protocol/index.ts";
import { figure, figureShape } from "../declaration/index.ts";

export const BENCHMARK_FIGURES = [
  figure("returnPercent", "Its return", "percent", { row: 1, signed: true, formula: "the benchmark's" }),
  figure("excessReturnPercent", "Excess return", "percent", {
    row: 2,
    signed: true,
    hint: "Percentage points more than it",
    formula: "the strategy's return less the benchmark's, percentage points",
  }),
  figure("annualVolatilityPercent", "Its annual volatility", "percent", { row: 3, formula: "the benchmark's" }),
  figure("sharpeRatio", "Its Sharpe ratio", "ratio", { row: 5, formula: "the benchmark's" }),
  figure("maxDrawdownPercent", "Its max drawdown", "percent", { row: 4, signed: true, formula: "the benchmark's" }),
  figure("alphaPercent", "Alpha a year", "percent", {
    row: 6,
    signed: true,
    hint: "Jensen's, from returns by period",
    formula: "(mean(r) − beta · mean(b)) · N (M. Jensen, Journal of Finance 23(2), 1968)",
  }),
  figure("beta", "Beta by period", "ratio", { row: 7, formula: "cov(r, b) / var(b)" }),
  figure("correlation", "Correlation", "ratio", { row: 8, formula: "cov(r, b) / (deviation(r) · deviation(b))" }),
  figure("trackingErrorPercent", "Tracking error", "percent", {
    row: 9,
    hint: "Of the difference, a year",
    formula: "deviation(r − b) · √N (T. Goodwin, Financial Analysts Journal 54(4), 1998)",
  }),
  figure("informationRatio", "Information ratio", "ratio", { row: 10, formula: "mean(r − b) · N / tracking error" }),
] as const;

/** `symbol` is bought at the close from which the strategy decides, and held. */
export const benchmarkComparison = z.strictObject({ symbol, ...figureShape(BENCHMARK_FIGURES) });
export type BenchmarkComparison = z.infer<typeof benchmarkComparison>;
