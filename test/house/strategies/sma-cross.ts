/**
 * Two moving averages, as code: long while the fast one is above the slow one.
 *
 *   ktrdr backtest sma-cross.ts --symbol SP500                  run it
 *   ktrdr backtest sma-cross.ts --symbol SP500 --set fast=10    with another parameter
 *   ktrdr strategy validate sma-cross.ts                        check it, types included
 *
 * Everything that `onBar` may use is in docs/reference/typescript-strategies.md.
 */
import { defineStrategy } from "ktrdr/strategy";

export default defineStrategy({
  description: "Long while the fast average is above the slow one.",

  // A default alone, or with the range in which it may be varied. `--set name=value` overrides it.
  parameters: {
    fast: { default: 20, min: 2, max: 200, step: 1 },
    slow: { default: 50, min: 5, max: 500, step: 5 },
  },

  // Names of your own, each with a type of docs/reference/indicators.md and its parameters.
  indicators: ({ fast, slow }) => ({
    fast: ["sma", { period: fast }],
    slow: ["sma", { period: slow }],
  }),

  // Called at the close of each bar, once every indicator has a value. Orders fill on the next bar.
  onBar({ indicators: { fast, slow }, position, buy, close }) {
    const isAbove = fast.now > slow.now;
    if (isAbove && position.size === 0) buy({ stopLoss: { fraction: 0.08 } });
    if (!isAbove && position.size > 0) close();
  },
});
