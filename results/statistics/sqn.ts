import { declareStatistic, EQUAL_PROFITS, varyingMoney } from "../declaration/index.ts";

export const sqn = declareStatistic({
  key: "sqn",
  type: "number",
  unit: "ratio",
  label: "SQN",
  hint: "System quality number",
  group: "Ratios",
  row: 5,
  position: 30,
  formula: "√n · mean / deviation of the profits in money",
  source: "V. Tharp, *Trade Your Way to Financial Freedom*, 1998",
  undefinedWhen: EQUAL_PROFITS,
  of: ({ trades }) =>
    (Math.sqrt(trades.count) * trades.meanProfit) / varyingMoney(trades.profitDeviation, trades.largestAmount),
  example: 0.6700239091517193,
});
