import { BACKTESTING_PY, declareStatistic, STEADY_RETURNS } from "../declaration/index.ts";

export const annualVolatilityPercent = declareStatistic({
  key: "annualVolatilityPercent",
  type: "number",
  unit: "percent",
  label: "Annual volatility",
  group: "Risk",
  row: 1,
  position: 10,
  formula: "√((var + (1+g)²)^N − (1+g)^(2N))",
  source: BACKTESTING_PY,
  undefinedWhen: STEADY_RETURNS,
  of: ({ annual }) => annual.volatility * 100,
  example: 1180578.7424305156,
});
