import { BACKTESTING_PY, declareStatistic, NO_DRAWDOWN } from "../declaration/index.ts";

export const maxDrawdownDurationMs = declareStatistic({
  key: "maxDrawdownDurationMs",
  type: "number",
  unit: "duration",
  label: "Longest drawdown",
  group: "Risk",
  row: 4,
  position: 19,
  formula: "from a peak to the recovery or the end; rounded up to the bars' unit",
  source: BACKTESTING_PY,
  undefinedWhen: NO_DRAWDOWN,
  of: ({ drawdown, durationUnitMs }) => Math.ceil(drawdown.maxDurationMs / durationUnitMs) * durationUnitMs,
  example: 432_000_000,
});
