import { BACKTESTING_PY, declareStatistic, NO_DRAWDOWN } from "../declaration/index.ts";

export const averageDrawdownPercent = declareStatistic({
  key: "averageDrawdownPercent",
  type: "number",
  unit: "percent",
  label: "Average drawdown",
  signed: true,
  group: "Risk",
  row: 3,
  position: 18,
  formula: "mean depth of the stretches below a peak",
  source: BACKTESTING_PY,
  undefinedWhen: NO_DRAWDOWN,
  of: ({ drawdown }) => -drawdown.averageFraction * 100,
  example: -7.479338842975207,
});
