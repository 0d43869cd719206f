import { BACKTESTING_PY, declareStatistic, ZERO_DIVISOR } from "../declaration/index.ts";

export const buyAndHoldReturnPercent = declareStatistic({
  key: "buyAndHoldReturnPercent",
  type: "number",
  unit: "percent",
  label: "Buy and hold",
  signed: true,
  group: "Return",
  row: 2,
  position: 8,
  formula: "of the price, from the close at which the strategy first decides",
  source: BACKTESTING_PY,
  undefinedWhen: ZERO_DIVISOR,
  of: ({ buyAndHoldReturnPercent }) => buyAndHoldReturnPercent,
  example: 9.090909090909092,
});
