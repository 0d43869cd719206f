import { BACKTESTING_PY, declareStatistic } from "../declaration/index.ts";

export const maxDrawdownPercent = declareStatistic({
  key: "maxDrawdownPercent",
  type: "number",
  unit: "percent",
  label: "Max drawdown",
  signed: true,
  group: "Risk",
  row: 2,
  position: 17,
  formula: "deepest fall from a peak; at most 0",
  source: BACKTESTING_PY,
  undefinedWhen: null,
  of: ({ drawdown }) => (0 - drawdown.maxFraction) * 100,
  example: -10,
});
