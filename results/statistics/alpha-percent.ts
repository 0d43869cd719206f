import { BACKTESTING_PY, declareStatistic, STEADY_PRICES } from "../declaration/index.ts";

export const alphaPercent = declareStatistic({
  key: "alphaPercent",
  type: "number",
  unit: "percent",
  label: "Alpha",
  hint: "Return beyond beta × market",
  signed: true,
  group: "Return",
  row: 5,
  position: 15,
  formula: "return − beta · buy and hold",
  source: BACKTESTING_PY,
  undefinedWhen: STEADY_PRICES,
  of: ({ returnPercent, beta, buyAndHoldReturnPercent }) => returnPercent - beta * buyAndHoldReturnPercent,
  example: 6.19490644634143,
});
