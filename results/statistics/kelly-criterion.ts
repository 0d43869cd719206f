import { declareStatistic, ONE_SIDED_TRADES } from "../declaration/index.ts";

export const kellyCriterion = declareStatistic({
  key: "kellyCriterion",
  type: "number",
  unit: "ratio",
  label: "Kelly criterion",
  hint: "Fraction of capital to risk",
  group: "Ratios",
  row: 6,
  position: 31,
  formula: "win rate − loss rate / (mean win / mean loss), profits in money",
  source: "J. Kelly, Bell System Technical Journal 35(4), 1956",
  undefinedWhen: ONE_SIDED_TRADES,
  of: ({ trades: { winRate, meanWin, meanLoss } }) => winRate - (1 - winRate) / (meanWin / -meanLoss),
  example: 0.4047619047619047,
});
