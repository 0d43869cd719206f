import { BACKTESTING_PY, declareStatistic, NO_TRADE } from "../declaration/index.ts";

export const averageTradeDurationMs = declareStatistic({
  key: "averageTradeDurationMs",
  type: "number",
  unit: "duration",
  label: "Average trade length",
  group: "Trades",
  row: 8,
  position: 27,
  formula: "mean of the same; rounded up to the bars' unit",
  source: BACKTESTING_PY,
  undefinedWhen: NO_TRADE,
  of: ({ trades, durationUnitMs }) => Math.ceil(trades.averageDurationMs / durationUnitMs) * durationUnitMs,
  example: 172_800_000,
});
