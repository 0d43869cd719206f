/**
 * A strategy in TypeScript: buys a break above the highest close of `lookback` bars with a stop order, protects it with a
 * stop of `stopAtr` average ranges, and lets a trailing stop take the profit.
 *
 *   ktrdr backtest examples/strategies/breakout-bracket.ts --symbol SP500 --set lookback=40
 */
import { defineStrategy } from "ktrdr/strategy";

export default defineStrategy({
  description: "Breakout by a stop order, with an ATR stop and a trailing stop.",
  parameters: {
    lookback: { default: 20, min: 5, max: 250, step: 5, description: "Bars whose highest close is broken" },
    stopAtr: { default: 2, min: 0.5, max: 10, step: 0.5, description: "Distance of the stop, in average true ranges" },
    trail: { default: 0.08, min: 0.01, max: 0.5, description: "Fraction that the trailing stop leaves" },
  },
  indicators: () => ({ atr: ["atr", { period: 14 }], trend: ["sma", { period: 100 }] }),
  onBar({ prices, indicators: { atr, trend }, parameters, position, orders, buy, cancel }) {
    // An order that was not filled by now has a level that is out of date.
    for (const order of orders) cancel(order);
    if (position.size > 0 || prices.close.now < trend.now) return;
    const level = Math.max(...prices.close.last(parameters.lookback));
    buy({
      stop: level,
      size: 0.5,
      stopLoss: level - parameters.stopAtr * atr.now,
      trailingStop: parameters.trail,
      timeInForce: "day",
    });
  },
});
