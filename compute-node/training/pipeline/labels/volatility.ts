/** Exponentially weighted volatility, as labels scale by it. Weights as in pandas' `ewm(span, adjust=True)`. */
import type { BarColumns } from "../../../market-data/bars.ts";

/** Mean of the bars' ranges as fractions of the close; alpha = 2 / (span + 1). */
export function meanRange({ high, low, close, rows }: BarColumns, span: number): Float64Array {
  const kept = 1 - 2 / (span + 1);
  const means = new Float64Array(rows);
  let sum = 0;
  let weights = 0;
  for (let row = 0; row < rows; row++) {
    sum = sum * kept + (high[row] - low[row]) / close[row];
    weights = weights * kept + 1;
    means[row] = sum / weights;
  }
  return means;
}

/**
 * Standard deviation of the log returns, corrected for the weights' bias: var · W² / (W² - Σw²) with W = Σw. NaN for the
 * first two bars, which have fewer than two returns.
 */
export function returnDeviation({ close, rows }: BarColumns, span: number): Float64Array {
  const kept = 1 - 2 / (span + 1);
  const deviations = new Float64Array(rows).fill(Number.NaN);
  let mean = 0;
  let spread = 0;
  let weights = 0;
  let squares = 0;
  for (let row = 1; row < rows; row++) {
    const value = Math.log(close[row] / close[row - 1]);
    weights = weights * kept + 1;
    squares = squares * kept * kept + 1;
    // West (1979), "Updating mean and variance estimates", with weights that decay.
    const away = value - mean;
    mean += away / weights;
    spread = spread * kept + away * (value - mean);
    const divisor = weights - squares / weights;
    if (row > 1 && divisor > 0) deviations[row] = Math.sqrt(Math.max(0, spread) / divisor);
  }
  return deviations;
}
