import { BACKTESTING_PY, declareStatistic, NO_TRADE } from "../declaration/index.ts";

export const winRatePercent = declareStatistic({
  key: "winRatePercent",
  type: "number",
  unit: "percent",
  label: "Win rate",
  group: "Trades",
  row: 2,
  position: 22,
  formula: "trades with a profit above 0, of all",
  source: BACKTESTING_PY,
  undefinedWhen: NO_TRADE,
  of: ({ trades }) => trades.winRate * 100,
  example: 66.66666666666667,
});
