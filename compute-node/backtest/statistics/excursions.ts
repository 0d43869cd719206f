/**
 * @file How far prices went against a trade and with it while it was open (maximum adverse and favourable excursion;
 * J. Sweeney, "Campaign Trading", 1996), from the bars' ranges.
 *
 * Only prices that surely came while the trade was open count, so both are lower bounds where a bar leaves it open: in
 * a bar that was entered or left between its open and its close only the prices on the trade's side of the fill are
 * known.
 */
import { EXIT_REASONS } from "../../../protocol/backtest-result.ts";
import type { BarColumns } from "../../market-data/bars.ts";
import type { EngineResult } from "../engine/engine-result.ts";

/** One value for each trade, in the order of the log; fractions of the entry price. */
export interface Excursions {
  /** At most 0. */
  readonly adverse: Float64Array;
  /** At least 0. */
  readonly favourable: Float64Array;
}

/** Bars whose range is known at once. */
const BLOCK_BARS = 64;

const RUIN = EXIT_REASONS.indexOf("ruin");
const END_OF_DATA = EXIT_REASONS.indexOf("end_of_data");
/** Exits that, with fills at the close, leave at the close of their bar. */
const MARKET_EXITS = [EXIT_REASONS.indexOf("signal"), END_OF_DATA];

/** One pass over the bars at most, and a few steps a trade. */
export function tradeExcursions(
  bars: BarColumns,
  { trades, orders, conventions }: Pick<EngineResult, "trades" | "orders" | "conventions">,
  fillAt: "next_open" | "close",
): Excursions {
  const insideBars = orders.barsOfFillsInside();
  const ranges = new BlockRanges(bars);
  const adverse = new Float64Array(trades.count);
  const favourable = new Float64Array(trades.count);
  for (let row = 0; row < trades.count; row++) {
    const [entryBar, exitBar, entryPrice] = [trades.entryBar[row], trades.exitBar[row], trades.entryPrice[row]];
    const reason = trades.exitReason[row];
    ranges.start(entryPrice);
    ranges.include(trades.exitPrice[row]);
    if (exitBar > entryBar) {
      const isInside = insideBars.has(entryBar);
      if (isInside) ranges.include(bars.close[entryBar]);
      else if (fillAt === "next_open") ranges.includeBars(entryBar, entryBar + 1);
      ranges.includeBars(entryBar + 1, exitBar);
      const isAtClose = fillAt === "close" && MARKET_EXITS.includes(reason) && !insideBars.has(exitBar);
      const isEnd = reason === END_OF_DATA && conventions.lastBar === "close";
      if (reason === RUIN || isEnd || isAtClose) ranges.includeBars(exitBar, exitBar + 1);
      else ranges.include(bars.open[exitBar]);
    }
    const isLong = trades.size[row] > 0;
    const value = Math.abs(entryPrice);
    adverse[row] = (isLong ? ranges.lowest - entryPrice : entryPrice - ranges.highest) / value;
    favourable[row] = (isLong ? ranges.highest - entryPrice : entryPrice - ranges.lowest) / value;
  }
  return { adverse, favourable };
}

/** The range of stretches of bars; long ones by blocks, which are worked out when the first is asked for. */
class BlockRanges {
  highest = 0;
  lowest = 0;
  private readonly high: Float64Array;
  private readonly low: Float64Array;
  private blocks: { readonly high: Float64Array; readonly low: Float64Array } | null = null;

  constructor({ high, low }: BarColumns) {
    this.high = high;
    this.low = low;
  }

  start(price: number): void {
    this.highest = price;
    this.lowest = price;
  }

  include(price: number): void {
    if (price > this.highest) this.highest = price;
    if (price < this.lowest) this.lowest = price;
  }

  /** Bars in [from, to). */
  includeBars(from: number, to: number): void {
    const firstBlock = Math.ceil(from / BLOCK_BARS);
    const endBlock = Math.floor(to / BLOCK_BARS);
    if (endBlock <= firstBlock) {
      this.scan(this.high, this.low, from, to);
      return;
    }
    this.blocks ??= blockRanges(this.high, this.low);
    this.scan(this.high, this.low, from, firstBlock * BLOCK_BARS);
    this.scan(this.blocks.high, this.blocks.low, firstBlock, endBlock);
    this.scan(this.high, this.low, endBlock * BLOCK_BARS, to);
  }

  private scan(high: Float64Array, low: Float64Array, from: number, to: number): void {
    let { highest, lowest } = this;
    for (let index = from; index < to; index++) {
      if (high[index] > highest) highest = high[index];
      if (low[index] < lowest) lowest = low[index];
    }
    this.highest = highest;
    this.lowest = lowest;
  }
}

/** The range of whole blocks only. */
function blockRanges(high: Float64Array, low: Float64Array): { high: Float64Array; low: Float64Array } {
  const count = Math.floor(high.length / BLOCK_BARS);
  const blocks = { high: new Float64Array(count), low: new Float64Array(count) };
  for (let block = 0; block < count; block++) {
    let [highest, lowest] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
    const end = (block + 1) * BLOCK_BARS;
    for (let bar = block * BLOCK_BARS; bar < end; bar++) {
      if (high[bar] > highest) highest = high[bar];
      if (low[bar] < lowest) lowest = low[bar];
    }
    blocks.high[block] = highest;
    blocks.low[block] = lowest;
  }
  return blocks;
}
