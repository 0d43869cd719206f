import { BACKTESTING_PY, declareStatistic } from "../declaration/index.ts";

export const equityPeak = declareStatistic({
  key: "equityPeak",
  type: "number",
  unit: "money",
  label: "Peak equity",
  group: "Return",
  row: 8,
  position: 6,
  formula: "highest equity at a close",
  source: BACKTESTING_PY,
  undefinedWhen: null,
  of: ({ drawdown }) => drawdown.peak,
  example: 1_265,
});
