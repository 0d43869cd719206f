import { declareStatistic, nonZero, STEADY_RETURNS } from "../declaration/index.ts";

export const sharpeRatio = declareStatistic({
  key: "sharpeRatio",
  type: "number",
  unit: "ratio",
  label: "Sharpe ratio",
  group: "Ratios",
  row: 1,
  position: 12,
  formula: "annual return / annual volatility",
  source: "compounded as in https://dx.doi.org/10.2139/ssrn.3054517",
  undefinedWhen: STEADY_RETURNS,
  of: ({ annual }) => annual.return / nonZero(annual.volatility),
  example: 0.40093338138231777,
});
