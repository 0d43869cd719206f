import { BACKTESTING_PY, declareStatistic } from "../declaration/index.ts";

export const durationMs = declareStatistic({
  key: "durationMs",
  type: "whole",
  unit: "duration",
  label: "Length",
  group: "Period",
  row: 3,
  position: 3,
  formula: "from the first bar to the last",
  source: BACKTESTING_PY,
  undefinedWhen: null,
  of: ({ durationMs }) => durationMs,
  example: 777_600_000,
});
