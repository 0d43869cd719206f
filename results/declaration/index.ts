/** Forms of declarations: columns, figures and statistics. */
export {
  type Column,
  type ColumnUnit,
  double,
  int,
  leftOutWhenEmpty,
  listShape,
  optionalDouble,
  rowShape,
  text,
  time,
} from "./column.ts";
export { EXAMPLE_RUN } from "./example-run.ts";
export {
  byRow,
  count,
  type Figure,
  type FigureForm,
  type FigureShape,
  type FigureUnit,
  figure,
  figureShape,
} from "./figure.ts";
export { nonZero, type RunMeasures } from "./measures.ts";
export * from "./reasons.ts";
export { aboveRounding, squaresAboutMean, varyingMoney } from "./rounding.ts";
export { BACKTESTING_PY, declareStatistic, STATISTIC_GROUPS, type Statistic } from "./statistic.ts";
