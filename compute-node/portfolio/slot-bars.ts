/** Keeps each symbol's place on the clock: a cursor to its newest bar, and the facts of its bars there. */
import type { BarAction, PortfolioSymbol } from "./portfolio-model.ts";

export class SlotBars {
  private readonly symbols: readonly PortfolioSymbol[];
  private readonly momentsOf: readonly Int32Array[];
  /** Each symbol's newest bar up to the moment that it was last brought to; -1 before its first. */
  private readonly cursor: Int32Array;
  private readonly actions: readonly ReadonlyMap<number, BarAction>[];
  /** The next set bar of each entry column, at or after the last one asked for. */
  private readonly nextLong: Int32Array;
  private readonly nextShort: Int32Array;

  constructor(symbols: readonly PortfolioSymbol[], momentsOf: readonly Int32Array[]) {
    this.symbols = symbols;
    this.momentsOf = momentsOf;
    this.cursor = new Int32Array(symbols.length).fill(-1);
    this.actions = symbols.map(({ actions }) => new Map(actions.map((action) => [action.bar, action])));
    this.nextLong = new Int32Array(symbols.length).fill(-1);
    this.nextShort = new Int32Array(symbols.length).fill(-1);
  }

  /** Moments never go back. True when the symbol has a bar at this one. */
  advance(slot: number, moment: number): boolean {
    const moments = this.momentsOf[slot];
    let bar = this.cursor[slot];
    while (bar + 1 < moments.length && moments[bar + 1] <= moment) bar++;
    this.cursor[slot] = bar;
    return bar >= 0 && moments[bar] === moment;
  }

  isAt(slot: number, moment: number): boolean {
    const bar = this.cursor[slot];
    return bar >= 0 && this.momentsOf[slot][bar] === moment;
  }

  current(slot: number): number {
    return this.cursor[slot];
  }

  momentOf(slot: number, bar: number): number {
    return this.momentsOf[slot][bar] ?? -1;
  }

  actionAt(slot: number, bar = this.cursor[slot]): BarAction | undefined {
    const actions = this.actions[slot];
    return actions.size === 0 ? undefined : actions.get(bar);
  }

  openRate(slot: number, bar = this.cursor[slot]): number {
    return this.symbols[slot].rates?.open[bar] ?? 1;
  }

  closeRate(slot: number, bar = this.cursor[slot]): number {
    return this.symbols[slot].rates?.close[bar] ?? 1;
  }

  /** Account money for a unit at the close of the newest bar. */
  closeOf(slot: number): number {
    const { bars, rates } = this.symbols[slot];
    const bar = this.cursor[slot];
    return rates === null ? bars.close[bar] : bars.close[bar] * rates.close[bar];
  }

  /** The close of a bar in units of the next one: the base of levels measured at it when the next bar fills them. */
  closeInNextUnits(slot: number, bar: number): number {
    const close = this.symbols[slot].bars.close[bar];
    const split = this.actionAt(slot, bar + 1)?.split ?? 1;
    return split === 1 ? close : close / split;
  }

  /** The first bar from `moment` on that enters; -1 without one. Moments never go back. */
  nextEntry(slot: number, moment: number): number {
    const { signals, bars } = this.symbols[slot];
    const here = this.advance(slot, moment) ? this.cursor[slot] : this.cursor[slot] + 1;
    const from = Math.max(here, signals.warmupBars + 1);
    if (from >= bars.rows) return -1;
    const long = this.nextSet(this.nextLong, slot, signals.entryLong, from);
    const short = this.nextSet(this.nextShort, slot, signals.entryShort, from);
    const next = Math.min(long, short);
    return next < bars.rows ? next : -1;
  }

  private nextSet(known: Int32Array, slot: number, flags: Uint8Array, from: number): number {
    if (known[slot] >= from) return known[slot];
    const found = flags.indexOf(1, from);
    known[slot] = found < 0 ? flags.length : found;
    return known[slot];
  }
}
