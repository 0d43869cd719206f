import { BACKTESTING_PY, declareStatistic } from "../declaration/index.ts";

export const equityFinal = declareStatistic({
  key: "equityFinal",
  type: "number",
  unit: "money",
  label: "Final equity",
  group: "Return",
  row: 7,
  position: 5,
  formula: "equity at the last close",
  source: BACKTESTING_PY,
  undefinedWhen: null,
  of: ({ equity }) => equity[equity.length - 1],
  example: 1_265,
});
