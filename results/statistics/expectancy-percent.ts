import { BACKTESTING_PY, declareStatistic, NO_TRADE } from "../declaration/index.ts";

export const expectancyPercent = declareStatistic({
  key: "expectancyPercent",
  type: "number",
  unit: "percent",
  label: "Expectancy",
  signed: true,
  group: "Trades",
  row: 6,
  position: 29,
  formula: "arithmetic mean of the trades' returns",
  source: BACKTESTING_PY,
  undefinedWhen: NO_TRADE,
  of: ({ trades }) => trades.expectancy * 100,
  example: 5,
});
