/**
 * @file The broker's books: the account's lots and its money. All lots are on one side, the oldest first.
 *
 * Every bar asks for the size and the value, so both are kept beside the lots.
 */
import {
  type AccountModels,
  areAllUnits,
  freeEquity,
  holdingCost,
  Ledger,
  liquidationPrice,
  orderCommission,
  type Side,
  tidyUnits,
  tradedPrice,
} from "../../ledger/index.ts";
import type { BarColumns } from "../../market-data/bars.ts";
import { isGuarded } from "./lot.ts";
import type { Lot } from "./order.ts";
import type { ExitReason, TradeLog } from "./trade-log.ts";

export class Lots extends Ledger {
  /** Oldest first; all on one side. */
  readonly list: Lot[] = [];
  /** Units of all lots; negative for a short, 0 while flat. */
  size = 0;
  /** The number of lots that a price or the time may end. */
  guarded = 0;
  /** Entry price of the oldest lot, mostly the only one; 0 while flat, so that the value is the cash then. */
  private oldestPrice = 0;
  private readonly models: AccountModels;
  private readonly trades: TradeLog;

  constructor(cash: number, models: AccountModels, trades: TradeLog) {
    super(cash, models.costs);
    this.models = models;
    this.trades = trades;
  }

  /** 1 long, -1 short; while something is held. */
  get side(): Side {
    return this.size > 0 ? 1 : -1;
  }

  /** Cash and the profit of the lots, money. */
  valueAt(price: number): number {
    return this.list.length > 1 ? this.valueOfAll(price) : this.cash + this.size * (price - this.oldestPrice);
  }

  private valueOfAll(price: number): number {
    let value = this.cash;
    for (let index = 0; index < this.list.length; index++) {
      const lot = this.list[index];
      value += lot.size * (price - lot.entryPrice);
    }
    return value;
  }

  /** Money that no position binds. */
  freeAt(price: number): number {
    if (this.list.length === 0) return this.cash;
    return freeEquity(this.models.margins, this.valueAt(price), Math.abs(this.size * price));
  }

  /** Infinite on the side of the loss without one. */
  liquidationPrice(): number {
    return liquidationPrice(this.models.margins, this.size, this.borrowed());
  }

  /** Signed; see `ledger/margin-model.ts`. */
  private borrowed(): number {
    let value = 0;
    for (let index = 0; index < this.list.length; index++) value += this.list[index].size * this.list[index].entryPrice;
    return value - this.cash;
  }

  /** Pays for the lots held since the bar before, at that bar's close; each lot carries its share. */
  charge({ timeMs, close }: BarColumns, bar: number): void {
    const { list, size } = this;
    const elapsedMs = timeMs[bar] - timeMs[bar - 1];
    const cost = holdingCost(this.models.margins, size, this.borrowed(), close[bar - 1], elapsedMs);
    this.cash -= cost;
    for (let index = 0; index < list.length; index++) {
      const lot = list[index];
      lot.holdingCost += cost * (lot.size / size);
    }
  }

  add(lot: Lot): void {
    this.list.push(lot);
    this.changed();
    if (isGuarded(lot)) this.guarded++;
  }

  /** As a checkpoint kept them; nothing may be held. */
  restore(cash: number, lots: readonly Lot[]): void {
    this.cash = cash;
    this.list.push(...lots);
    this.changed();
    this.guarded = lots.filter(isGuarded).length;
  }

  /** By one order, whose commission the lots share. */
  closeAll(price: number, bar: number, reason: ExitReason, rate: number): void {
    const { list, size } = this;
    if (list.length < 2) {
      if (list.length === 1) this.close(list[0], price, bar, reason, rate);
      return;
    }
    const exitPrice = this.exitPrice(price);
    const all = Math.abs(size);
    const fee = orderCommission(this.models.costs, all, exitPrice, rate);
    while (list.length > 0) {
      const lot = list[0];
      this.take(lot);
      this.record(lot, bar, reason, exitPrice, fee * (Math.abs(lot.size) / all));
    }
  }

  /** By an order of its own. */
  close(lot: Lot, price: number, bar: number, reason: ExitReason, rate: number): void {
    const exitPrice = this.exitPrice(price);
    this.take(lot);
    const fee = orderCommission(this.models.costs, Math.abs(lot.size), exitPrice, rate);
    this.record(lot, bar, reason, exitPrice, fee);
  }

  /** Takes `units` off by one order, oldest lots first. */
  reduce(units: number, price: number, bar: number, rate: number): void {
    const exitPrice = this.exitPrice(price);
    const fee = orderCommission(this.models.costs, units, exitPrice, rate);
    let left = units;
    while (left > 0 && this.list.length > 0) {
      const lot = this.list[0];
      const held = Math.abs(lot.size);
      const isWhole = areAllUnits(left, held);
      const part = isWhole ? held : left;
      left = isWhole && areAllUnits(held, left) ? 0 : tidyUnits(left - part, this.models.lots);
      const share = fee * (part / units);
      if (isWhole) {
        this.take(lot);
        this.record(lot, bar, "signal", exitPrice, share);
      } else this.closePart(lot, part, bar, exitPrice, share);
    }
  }

  private closePart(lot: Lot, units: number, bar: number, exitPrice: number, fee: number): void {
    const side = lot.size > 0 ? 1 : -1;
    const held = Math.abs(lot.size);
    const share = units / held;
    const [entryFee, holding] = [lot.entryFee * share, lot.holdingCost * share];
    this.record({ ...lot, size: side * units, entryFee, holdingCost: holding }, bar, "signal", exitPrice, fee);
    lot.size = side * tidyUnits(held - units, this.models.lots);
    lot.entryFee -= entryFee;
    lot.holdingCost -= holding;
    this.changed();
  }

  private exitPrice(price: number): number {
    return tradedPrice(this.models.fills, this.size > 0 ? -1 : 1, price);
  }

  private take(lot: Lot): void {
    if (this.list.length === 1) this.list.pop();
    else this.list.splice(this.list.indexOf(lot), 1);
    this.changed();
    if (isGuarded(lot)) this.guarded--;
  }

  private record(lot: Lot, bar: number, reason: ExitReason, exitPrice: number, fee: number): void {
    this.trades.record(lot, bar, exitPrice, this.settleFor(fee, lot, exitPrice), reason);
  }

  private changed(): void {
    const { list } = this;
    let size = list.length === 0 ? 0 : list[0].size;
    for (let index = 1; index < list.length; index++) size += list[index].size;
    this.size = list.length > 1 ? tidyUnits(size, this.models.lots) : size;
    this.oldestPrice = list.length === 0 ? 0 : list[0].entryPrice;
  }
}
