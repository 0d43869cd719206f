/**
 * Measures how far prices went against each trade and with it while it was open: fractions of the entry price's size, in its
 * symbol's currency. Only prices that surely came in that time count: whole bars between entry and exit, and of the
 * exit's bar its open and the exit's price. Prices before a split are brought to the units of the exit, in which trades
 * are recorded.
 */
import { conventionsOf } from "../../protocol/conventions.ts";
import type { BacktestSettings } from "../../protocol/operations/index.ts";
import type { Excursions } from "../backtest/statistics/excursions.ts";
import type { PortfolioRun, PortfolioSymbol, PortfolioTrade } from "./portfolio-model.ts";

/** One value a trade. `fillAt` says whether the entry's bar counts, at whose open it filled, or only the one after it. */
export function portfolioExcursions(
  { trades, clock }: PortfolioRun,
  symbols: readonly PortfolioSymbol[],
  settings: Pick<BacktestSettings, "fillAt" | "lastBar">,
): Excursions {
  const isFilledAtClose = settings.fillAt === "close";
  const { lastBar } = conventionsOf(settings);
  const adverse = new Float64Array(trades.length);
  const favourable = new Float64Array(trades.length);
  for (const [row, trade] of trades.entries()) {
    const symbol = symbols[trade.slot];
    const { entryPrice } = trade;
    const first = lastUpTo(symbol.bars.timeMs, clock[trade.entryMoment]) + (isFilledAtClose ? 1 : 0);
    const last = lastUpTo(symbol.bars.timeMs, clock[trade.exitMoment]);
    // Four kinds leave at a close: orders that fill there, positions in a ruin or at the end, and those without a bar any more.
    const isAtClose =
      trade.exitReason === "ruin" ||
      (lastBar === "close" && trade.exitReason === "end_of_data") ||
      (isFilledAtClose && CLOSING.includes(trade.exitReason)) ||
      clock[trade.exitMoment] > symbol.bars.timeMs[last];
    const isShown = trade.exitMoment > trade.entryMoment;
    const [lowest, highest] = isShown ? rangeOf(symbol, trade, first, last, isAtClose) : ownRange(trade);
    const isLong = trade.size > 0;
    const value = Math.abs(entryPrice);
    adverse[row] = (isLong ? lowest - entryPrice : entryPrice - highest) / value;
    favourable[row] = (isLong ? highest - entryPrice : entryPrice - lowest) / value;
  }
  return { adverse, favourable };
}

const CLOSING: readonly string[] = ["signal", "end_of_data", "rebalance"];

function ownRange({ entryPrice, exitPrice }: PortfolioTrade): [lowest: number, highest: number] {
  return [Math.min(entryPrice, exitPrice), Math.max(entryPrice, exitPrice)];
}

/** Lowest and highest price while it was open, from the exit back, with `units` bringing each bar to those of the exit. */
function rangeOf(
  { bars, actions }: PortfolioSymbol,
  trade: PortfolioTrade,
  first: number,
  last: number,
  isAtClose: boolean,
): [lowest: number, highest: number] {
  let [lowest, highest] = ownRange(trade);
  let units = 1;
  let action = actions.length - 1;
  while (action >= 0 && actions[action].bar > last) action--;
  for (let bar = last; bar >= first; bar--) {
    const isWhole = bar < last || isAtClose;
    const low = (isWhole ? bars.low[bar] : bars.open[bar]) / units;
    const high = (isWhole ? bars.high[bar] : bars.open[bar]) / units;
    if (low < lowest) lowest = low;
    if (high > highest) highest = high;
    for (; action >= 0 && actions[action].bar === bar; action--) units *= actions[action].split;
  }
  return [lowest, highest];
}

/** The newest bar that begins at `timeMs` or before; there is one. */
function lastUpTo(times: Float64Array, timeMs: number): number {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (times[middle] <= timeMs) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
