import { BACKTESTING_PY, declareStatistic, NO_TRADE } from "../declaration/index.ts";

export const bestTradePercent = declareStatistic({
  key: "bestTradePercent",
  type: "number",
  unit: "percent",
  label: "Best trade",
  signed: true,
  group: "Trades",
  row: 3,
  position: 23,
  formula: "highest return of a trade",
  source: BACKTESTING_PY,
  undefinedWhen: NO_TRADE,
  of: ({ trades }) => trades.best * 100,
  example: 15,
});
