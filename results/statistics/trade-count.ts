import { BACKTESTING_PY, declareStatistic } from "../declaration/index.ts";

export const tradeCount = declareStatistic({
  key: "tradeCount",
  type: "whole",
  unit: "count",
  label: "Trades",
  group: "Trades",
  row: 1,
  position: 21,
  formula: "closed trades",
  source: BACKTESTING_PY,
  undefinedWhen: null,
  of: ({ trades }) => trades.count,
  example: 3,
});
