/** The effects of trading on an account: fills, costs, sizes, margin, and the money of entries and exits. */
export { type AccountModels, accountModels } from "./account-models.ts";
export { orderCommission } from "./cost-model.ts";
export { levelPrice, priceWithSpread, roundToTick, slippedPrice, tradedPrice } from "./fill-model.ts";
export { type Side, stopFillPrice, targetFillPrice } from "./fill-price.ts";
export { type Holding, levelOrNaN } from "./holding.ts";
export { largeRates } from "./large-rates.ts";
export { Ledger, type Settlement } from "./ledger.ts";
export { areAllUnits, tidyUnits, tradableUnits } from "./lot-rules.ts";
export { buyingPower, freeEquity, holdingCost, liquidationPrice } from "./margin-model.ts";
export { entryRefusal, type RefusalFigures, refusalFigures } from "./refusal.ts";
export { type EntryDemand, type EntryPrices, entryUnits, mostUnits, shareOf, valueUnits } from "./units.ts";
