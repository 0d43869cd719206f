/** Tells why an entry took nothing, with the figures that a person needs to see. */

import { tradableUnits } from "./lot-rules.ts";
import { buyingPower } from "./margin-model.ts";
import { type EntryDemand, type EntryPrices, fractionUnits, moneyNeeded, type SizeModels } from "./units.ts";

export type EntryRefusal = "no_cash" | "below_lot" | "margin" | "no_size";

/** Figures of a refused entry, account money. */
export interface RefusalFigures {
  /** Units that were asked for, or the smallest tradable amount where a part of the money was. */
  readonly units: number;
  /** Money that they bind and cost. */
  readonly needed: number;
  readonly free: number;
  /** The money that was to be spent, where less than all of it was asked for; else null. */
  readonly asked: number | null;
}

/**
 * The reason for which `entryUnits` gave nothing. No price or no known fraction: `no_size`. Units below a lot, and a fraction that is
 * too small where the whole account pays for a unit or lot: `below_lot`. More than the account carries: `margin` where it
 * may borrow, or else `no_cash`.
 */
export function entryRefusal(demand: EntryDemand, free: number, prices: EntryPrices, models: SizeModels): EntryRefusal {
  if (prices.entry === 0 || Number.isNaN(demand.fraction)) return "no_size";
  if (demand.units !== null && tradableUnits(demand.units, models.lots) === 0) return "below_lot";
  if (!(fractionUnits(1, free, prices, models) > 0)) return "no_cash";
  const isTooMuch =
    demand.units !== null || (demand.money !== null && demand.money > buyingPower(models.margins, free));
  if (isTooMuch) return models.margins.margin < 1 ? "margin" : "no_cash";
  return "below_lot";
}

export function refusalFigures(
  { units, money, fraction }: EntryDemand,
  free: number,
  prices: EntryPrices,
  models: SizeModels,
): RefusalFigures {
  const { lotSize, fractionalUnits } = models.lots;
  const smallest = lotSize > 0 ? lotSize : fractionalUnits ? 0 : 1;
  const wanted = units ?? smallest;
  const part = fraction < 1 ? free * fraction : null;
  return {
    units: wanted,
    needed: moneyNeeded(wanted, prices, models),
    free,
    asked: units === null ? (money ?? part) : null,
  };
}
