import { BACKTESTING_PY, declareStatistic, NO_TRADE } from "../declaration/index.ts";

export const worstTradePercent = declareStatistic({
  key: "worstTradePercent",
  type: "number",
  unit: "percent",
  label: "Worst trade",
  signed: true,
  group: "Trades",
  row: 4,
  position: 24,
  formula: "lowest return of a trade",
  source: BACKTESTING_PY,
  undefinedWhen: NO_TRADE,
  of: ({ trades }) => trades.worst * 100,
  example: -10,
});
