/** The broker's charges for an order, as a small value: maker and taker rates, money per order and unit, a minimum. */
import type { BacktestSettings } from "../../protocol/operations/index.ts";

export interface CostModel {
  /** Fraction of the traded value, for orders that take from the book. */
  readonly takerRate: number;
  /** Likewise for limit orders that stood in the book; below 0 for a rebate. */
  readonly makerRate: number;
  /** Money for each order. */
  readonly fixed: number;
  /** Money for each unit. */
  readonly perUnit: number;
  /** The least that each order pays, money; 0 for none. */
  readonly minimum: number;
}

export function costModel(settings: BacktestSettings): CostModel {
  const { commissionRate, makerCommissionRate, commissionFixed, commissionPerUnit, commissionMinimum } = settings;
  return {
    takerRate: commissionRate,
    makerRate: makerCommissionRate ?? commissionRate,
    fixed: commissionFixed,
    perUnit: commissionPerUnit,
    minimum: commissionMinimum,
  };
}

/** Money for an order of `units` (positive) at `price`; `rate` is the maker's or the taker's. A rebate is below 0. */
export function orderCommission(costs: CostModel, units: number, price: number, rate: number): number {
  const commission = costs.fixed + units * Math.abs(price) * rate + units * costs.perUnit;
  return costs.minimum > 0 ? Math.max(commission, costs.minimum) : commission;
}
