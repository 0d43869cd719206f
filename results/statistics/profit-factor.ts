import { BACKTESTING_PY, declareStatistic, NO_LOSS, nonZero } from "../declaration/index.ts";

export const profitFactor = declareStatistic({
  key: "profitFactor",
  type: "number",
  unit: "ratio",
  label: "Profit factor",
  hint: "Gains over losses",
  group: "Ratios",
  row: 4,
  position: 28,
  formula: "sum of positive returns / sum of negative ones",
  source: BACKTESTING_PY,
  undefinedWhen: NO_LOSS,
  of: ({ trades }) => trades.gains / nonZero(Math.abs(trades.losses)),
  example: 2.5,
});
