import { BACKTESTING_PY, declareStatistic, NO_TRADE } from "../declaration/index.ts";

export const maxTradeDurationMs = declareStatistic({
  key: "maxTradeDurationMs",
  type: "number",
  unit: "duration",
  label: "Longest trade",
  group: "Trades",
  row: 7,
  position: 26,
  formula: "from the entry's bar to the exit's; rounded up to the bars' unit",
  source: BACKTESTING_PY,
  undefinedWhen: NO_TRADE,
  of: ({ trades, durationUnitMs }) => Math.ceil(trades.maxDurationMs / durationUnitMs) * durationUnitMs,
  example: 172_800_000,
});
