/** SuperTrend, bar by bar. */
import { mean, wilder } from "../operators/averages.ts";
import { createTrueRange } from "../volatility.ts";

interface TrendState {
  trend: number;
  /** 1 up, -1 down. */
  direction: number;
}

/** `simple` averages true ranges whose first is high - low; otherwise Wilder's average, without the first bar. */
export function superTrend(
  period: number,
  multiplier: number,
  simple: boolean,
): (high: number, low: number, close: number) => TrendState {
  const rangeOf = createTrueRange(simple);
  const average = simple ? mean(period) : wilder(period);
  const state: TrendState = { trend: Number.NaN, direction: Number.NaN };
  let [upper, lower, lastClose] = [Number.NaN, Number.NaN, Number.NaN];
  return (high, low, close) => {
    const reach = multiplier * average(rangeOf(high, low, close));
    const middle = (high + low) / 2;
    const isFirst = Number.isNaN(upper);
    if (isFirst || middle + reach < upper || lastClose > upper) upper = middle + reach;
    if (isFirst || middle - reach > lower || lastClose < lower) lower = middle - reach;
    lastClose = close;
    if (Number.isNaN(upper)) return state;
    if (isFirst) state.direction = close <= lower ? -1 : 1;
    else if (state.direction > 0 && close <= lower) state.direction = -1;
    else if (state.direction < 0 && close >= upper) state.direction = 1;
    state.trend = state.direction > 0 ? lower : upper;
    return state;
  };
}
