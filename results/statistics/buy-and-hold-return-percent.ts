import { BACKTESTING_PY, declareStatistic, NO_PRICE_TO_PAY } from "../declaration/index.ts";

export const buyAndHoldReturnPercent = declareStatistic({
  key: "buyAndHoldReturnPercent",
  type: "number",
  unit: "percent",
  label: "Buy and hold",
  signed: true,
  group: "Return",
  row: 2,
  position: 8,
  formula:
    "of the price, from the first close (`buyAndHoldFrom: first_decision`: from the close at which the strategy first decides)",
  source: BACKTESTING_PY,
  undefinedWhen: NO_PRICE_TO_PAY,
  of: ({ buyAndHoldReturnPercent }) => buyAndHoldReturnPercent,
  example: 20,
});
