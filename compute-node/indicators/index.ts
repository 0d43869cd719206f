/** Indicators: one table, pure functions over columns. */
export { computeIndicator } from "./compute-indicator.ts";
export {
  INPUT_COLUMNS,
  type IndicatorDeclaration,
  type IndicatorParameter,
  type IndicatorParameters,
  type InputColumn,
  PRICE_COLUMNS,
  type PriceColumn,
} from "./declaration.ts";
export { faultsOfParameters, findIndicator, findNeuralIndicator } from "./find-indicator.ts";
export { INDICATORS, NEURAL_INDICATORS } from "./table.ts";
