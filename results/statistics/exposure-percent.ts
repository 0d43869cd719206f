import { BACKTESTING_PY, declareStatistic } from "../declaration/index.ts";

export const exposurePercent = declareStatistic({
  key: "exposurePercent",
  type: "number",
  unit: "percent",
  label: "Exposure",
  hint: "Share of bars with an open position",
  group: "Risk",
  row: 6,
  position: 4,
  formula: "bars of a trade, of all bars",
  source: BACKTESTING_PY,
  undefinedWhen: null,
  of: ({ trades, equity }) => (trades.exposedBars / equity.length) * 100,
  example: 87.5,
});
