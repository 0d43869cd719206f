import { BACKTESTING_PY, declareStatistic } from "../declaration/index.ts";

export const startMs = declareStatistic({
  key: "startMs",
  type: "time",
  unit: "date",
  label: "Start",
  group: "Period",
  row: 1,
  position: 1,
  formula: "start of the first bar",
  source: BACKTESTING_PY,
  undefinedWhen: null,
  of: ({ timeMs }) => timeMs[0],
  example: 1_704_067_200_000,
});
