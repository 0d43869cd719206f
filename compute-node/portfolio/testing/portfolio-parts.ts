/** Small portfolios, spelled out. */
import { DAY_MS } from "../../../protocol/durations.ts";
import { allocateBars, type BarColumns } from "../../market-data/index.ts";
import type { StrategySignals } from "../../strategy/index.ts";
import type { PortfolioSymbol } from "../portfolio-model.ts";

type Flags = "entryLong" | "entryShort" | "exitLong" | "exitShort";

/** Daily bars from rows of open, high, low and close; one price stands for all four. */
export function barsOf(rows: readonly (number | readonly [number, number, number, number])[]): BarColumns {
  const bars = allocateBars(rows.length);
  for (const [bar, row] of rows.entries()) {
    const [open, high, low, close] = typeof row === "number" ? [row, row, row, row] : row;
    bars.timeMs[bar] = bar * DAY_MS;
    bars.open[bar] = open;
    bars.high[bar] = high;
    bars.low[bar] = low;
    bars.close[bar] = close;
  }
  return bars;
}

/** A symbol whose signals are set at the given bars. */
export function symbolOf(
  symbol: string,
  bars: BarColumns,
  setAt: Partial<Record<Flags, readonly number[]>>,
  more: Partial<StrategySignals> = {},
): PortfolioSymbol {
  const column = (set: readonly number[] = []) => {
    const flags = new Uint8Array(bars.rows);
    for (const bar of set) flags[bar] = 1;
    return flags;
  };
  const signals: StrategySignals = {
    warmupBars: 0,
    entryLong: column(setAt.entryLong),
    entryShort: column(setAt.entryShort),
    exitLong: column(setAt.exitLong),
    exitShort: column(setAt.exitShort),
    reverse: false,
    sizeFraction: 1,
    stopLoss: null,
    takeProfit: null,
    ...more,
  };
  return { symbol, bars, signals, actions: [], rates: null };
}
