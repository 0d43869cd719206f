/** The settings of a backtest as the models that an account follows; every option is decided. */
import { type Conventions, conventionsOf } from "../../protocol/conventions.ts";
import type { BacktestSettings } from "../../protocol/operations/index.ts";
import { type CostModel, costModel } from "./cost-model.ts";
import { type FillModel, fillModel } from "./fill-model.ts";
import type { LotRules } from "./lot-rules.ts";
import { type MarginModel, marginModel } from "./margin-model.ts";

export interface AccountModels {
  readonly costs: CostModel;
  readonly fills: FillModel;
  readonly margins: MarginModel;
  readonly lots: LotRules;
  /** Every one; sizes and the order of events follow them. */
  readonly conventions: Conventions;
}

/** @throws Problem `invalid-request` as `marginModel` */
export function accountModels(settings: BacktestSettings): AccountModels {
  const { fractionalUnits, lotSize } = settings;
  return {
    costs: costModel(settings),
    fills: fillModel(settings),
    margins: marginModel(settings),
    lots: { fractionalUnits, lotSize },
    conventions: conventionsOf(settings),
  };
}
