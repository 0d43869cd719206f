import { BACKTESTING_PY, declareStatistic, STEADY_RETURNS } from "../declaration/index.ts";

export const annualReturnPercent = declareStatistic({
  key: "annualReturnPercent",
  type: "number",
  unit: "percent",
  label: "Annual return",
  signed: true,
  group: "Return",
  row: 3,
  position: 9,
  formula: "(1+g)^N − 1",
  source: BACKTESTING_PY,
  undefinedWhen: STEADY_RETURNS,
  of: ({ annual }) => annual.return * 100,
  example: 473333.427190751,
});
