import { DAY_MS } from "../../protocol/durations.ts";
import { BACKTESTING_PY, declareStatistic, NO_TIME, nonZero } from "../declaration/index.ts";

const DAYS_PER_YEAR = 365.25;

export const cagrPercent = declareStatistic({
  key: "cagrPercent",
  type: "number",
  unit: "percent",
  label: "CAGR",
  hint: "Compound annual growth rate",
  signed: true,
  group: "Return",
  row: 4,
  position: 11,
  formula: "growth to the power of 1 / years between first and last bar, less 1; 365.25 days a year",
  source: BACKTESTING_PY,
  undefinedWhen: NO_TIME,
  of: ({ growth, durationMs }) => (growth ** (1 / nonZero(durationMs / DAY_MS / DAYS_PER_YEAR)) - 1) * 100,
  example: 1390409.0732033602,
});
