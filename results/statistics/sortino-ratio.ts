import { BACKTESTING_PY, declareStatistic, nonZero, STEADY_RETURNS } from "../declaration/index.ts";

export const sortinoRatio = declareStatistic({
  key: "sortinoRatio",
  type: "number",
  unit: "ratio",
  label: "Sortino ratio",
  group: "Ratios",
  row: 2,
  position: 13,
  formula: "annual return / (root of the mean of squared losses · √N)",
  source: BACKTESTING_PY,
  undefinedWhen: STEADY_RETURNS,
  of: ({ annual }) => annual.return / nonZero(annual.downsideDeviation),
  example: 7067.681564025906,
});
