/** Indicators: one table, pure functions over columns. */
export { computeIndicator } from "./compute-indicator.ts";
export {
  type IndicatorDeclaration,
  type IndicatorOutput,
  type IndicatorParameter,
  type IndicatorParameters,
  PRICE_COLUMNS,
  type PriceColumn,
} from "./declaration.ts";
export { faultsOfParameters, findIndicator, type ParameterFault } from "./find-indicator.ts";
export { INDICATORS } from "./table.ts";
