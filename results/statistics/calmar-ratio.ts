import { aboveRounding, BACKTESTING_PY, declareStatistic, NOTHING_TO_DIVIDE } from "../declaration/index.ts";

export const calmarRatio = declareStatistic({
  key: "calmarRatio",
  type: "number",
  unit: "ratio",
  label: "Calmar ratio",
  group: "Ratios",
  row: 3,
  position: 14,
  formula: "annual return / deepest drawdown",
  source: BACKTESTING_PY,
  undefinedWhen: NOTHING_TO_DIVIDE,
  of: ({ annual, drawdown }) => annual.return / aboveRounding(drawdown.maxFraction),
  example: 47333.342719075095,
});
