import { BACKTESTING_PY, declareStatistic, NO_DRAWDOWN } from "../declaration/index.ts";

export const averageDrawdownDurationMs = declareStatistic({
  key: "averageDrawdownDurationMs",
  type: "number",
  unit: "duration",
  label: "Average drawdown length",
  group: "Risk",
  row: 5,
  position: 20,
  formula: "mean of the same; rounded up to the bars' unit",
  source: BACKTESTING_PY,
  undefinedWhen: NO_DRAWDOWN,
  of: ({ drawdown, durationUnitMs }) => Math.ceil(drawdown.averageDurationMs / durationUnitMs) * durationUnitMs,
  example: 345_600_000,
});
