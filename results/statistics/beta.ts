import { BACKTESTING_PY, declareStatistic, STEADY_PRICES } from "../declaration/index.ts";

export const beta = declareStatistic({
  key: "beta",
  type: "number",
  unit: "ratio",
  label: "Beta",
  hint: "Covariance with the market over its variance",
  group: "Return",
  row: 6,
  position: 16,
  formula: "cov / var of the bars' log returns",
  source: BACKTESTING_PY,
  undefinedWhen: STEADY_PRICES,
  of: (run) => run.beta,
  example: 1.0152546776829285,
});
