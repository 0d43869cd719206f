import { BACKTESTING_PY, declareStatistic, NO_TRADE } from "../declaration/index.ts";

export const averageTradePercent = declareStatistic({
  key: "averageTradePercent",
  type: "number",
  unit: "percent",
  label: "Average trade",
  signed: true,
  group: "Trades",
  row: 5,
  position: 25,
  formula: "geometric mean of the trades' returns",
  source: BACKTESTING_PY,
  undefinedWhen: NO_TRADE,
  of: ({ trades }) => trades.average * 100,
  example: 4.4185548559510845,
});
