/**
 * @file An account's cash, and how entries and exits change it.
 *
 * `cash` is the money left when every position closes without a profit: capital, plus profits of closed trades, minus
 * commissions and holding costs, plus dividends. The order of each addition is fixed: results are compared by their
 * bits.
 */
import { type CostModel, orderCommission } from "./cost-model.ts";

/** A position, or the part of one that closes. Prices and fees are account money. */
export interface HeldPart {
  /** Units; negative for a short. */
  readonly size: number;
  /** The cost of a unit, spread and slippage included. */
  readonly entryPrice: number;
  /** Commission of the entry that no exit has carried yet. */
  readonly entryFee: number;
  /** The cost of holding it so far; the cash has paid it. */
  readonly holdingCost: number;
}

/** The outcome of a closing, money. */
export interface Settlement {
  /** Entry and exit together. */
  commission: number;
  /** Net of commission and holding costs, with dividends. */
  pnl: number;
  /** `pnl` as a fraction of the entry's value. */
  returnFraction: number;
}

export class Ledger {
  cash: number;
  private readonly costs: CostModel;
  /** One for all closings: hot loops make no garbage. */
  private readonly settlement: Settlement = { commission: Number.NaN, pnl: Number.NaN, returnFraction: Number.NaN };

  constructor(cash: number, costs: CostModel) {
    this.cash = cash;
    this.costs = costs;
  }

  /** Pays the commission of an entry of `units` (positive) at `price`, and returns it. `rate` is the maker's or the taker's. */
  payEntry(units: number, price: number, rate: number): number {
    const fee = orderCommission(this.costs, units, price, rate);
    this.cash -= fee;
    return fee;
  }

  /**
   * Closes `part` at `exitPrice`, the money that an exit gets for a unit; `dividends` are already in the cash. The
   * answer is good until the next call.
   */
  settle(part: HeldPart, exitPrice: number, rate: number, dividends = 0): Readonly<Settlement> {
    return this.settleFor(
      orderCommission(this.costs, Math.abs(part.size), exitPrice, rate),
      part,
      exitPrice,
      dividends,
    );
  }

  /** As `settle`, with `exitFee` as the part of its order's commission. */
  settleFor(exitFee: number, part: HeldPart, exitPrice: number, dividends = 0): Readonly<Settlement> {
    const { size, entryPrice, holdingCost } = part;
    const { settlement } = this;
    const units = Math.abs(size);
    const side = size > 0 ? 1 : -1;
    const commission = exitFee + part.entryFee;
    const costs = commission + holdingCost;
    const gross = size * (exitPrice - entryPrice);
    this.cash += gross - exitFee;
    settlement.commission = commission;
    // Adding a dividend of 0 would turn a profit of -0 into 0.
    settlement.pnl = dividends === 0 ? gross - costs : gross - costs + dividends;
    // A fraction of the value's size: below a price of zero a rise still wins.
    const sign = entryPrice < 0 ? -side : side;
    settlement.returnFraction =
      sign * (exitPrice / entryPrice - 1) - (costs - dividends) / (units * Math.abs(entryPrice));
    return settlement;
  }
}
