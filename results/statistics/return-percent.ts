import { BACKTESTING_PY, declareStatistic, ZERO_DIVISOR } from "../declaration/index.ts";

export const returnPercent = declareStatistic({
  key: "returnPercent",
  type: "number",
  unit: "percent",
  label: "Return",
  signed: true,
  group: "Return",
  row: 1,
  position: 7,
  formula: "final equity over the first, less 1",
  source: BACKTESTING_PY,
  undefinedWhen: ZERO_DIVISOR,
  of: ({ returnPercent }) => returnPercent,
  example: 26.5,
});
