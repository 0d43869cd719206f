import { BACKTESTING_PY, declareStatistic } from "../declaration/index.ts";

export const endMs = declareStatistic({
  key: "endMs",
  type: "time",
  unit: "date",
  label: "End",
  group: "Period",
  row: 2,
  position: 2,
  formula: "start of the last bar",
  source: BACKTESTING_PY,
  undefinedWhen: null,
  of: ({ timeMs }) => timeMs[timeMs.length - 1],
  example: 1_704_844_800_000,
});
