/**
 * @file The few figures that lists and sweeps compare, without an equity curve in memory.
 *
 * They are those of the whole result, bit for bit: the same engine runs, and only the marks are summed up as they come.
 */

import type { BacktestSettings } from "../../../protocol/operations/index.ts";
import type { ResultWarning } from "../../../protocol/warnings.ts";
import { type BacktestStatistics, jsonNumber, nonZero, squaresAboutMean } from "../../../results/index.ts";
import type { StrategySignals } from "../../strategy/signals.ts";
import { runMarked } from "../engine/engine.ts";
import type { EquityRecorder } from "../engine/equity-recorder.ts";
import type { PreparedMarket } from "../engine/market.ts";
import { TradeLog } from "../engine/trade-log.ts";
import { annualizedReturns } from "./statistics.ts";

export interface BacktestSummary
  extends Pick<
    BacktestStatistics,
    "equityFinal" | "returnPercent" | "sharpeRatio" | "maxDrawdownPercent" | "tradeCount"
  > {
  readonly warnings: readonly ResultWarning[];
}

/**
 * Runs the signals over a market of at least one bar, prepared with the settings' `calendar`. `trades` is emptied first
 * and holds the run's trades afterwards; passing the same one again saves its memory from run to run.
 *
 * @throws Problem as `runBacktest`
 */
export function summarizeBacktest(
  market: PreparedMarket,
  signals: StrategySignals,
  settings: BacktestSettings,
  trades = new TradeLog(),
): BacktestSummary {
  const marks = new SummaryMarks(market);
  trades.clear();
  const { warnings } = runMarked(market.bars, signals, settings, marks, trades);
  return { ...marks.figures(market), tradeCount: trades.count, warnings };
}

/** Sums over the marks. The last bar waits until the run is over, since the end of the data may change it. */
class SummaryMarks implements EquityRecorder {
  private readonly close: Float64Array;
  private readonly lastBar: number;
  private readonly ends: Int32Array | null;
  /** The first of `ends` that is not yet marked. */
  private nextEnd = 0;

  private firstValue = Number.NaN;
  private lastValue = Number.NaN;
  private peak = Number.NaN;
  /** Equity over the peak before it, where that is least. */
  private deepest = 1;
  /** Only below it can a bar be deeper: one comparison a bar, and hardly ever a division. */
  private floor = Number.NaN;

  /** Returns so far; -1 before the first period's end. */
  private returns = -1;
  private firstEnd = Number.NaN;
  private previous = Number.NaN;
  private sum = 0;
  private squares = 0;

  constructor({ bars, periodEnds }: PreparedMarket) {
    this.close = bars.close;
    this.lastBar = bars.rows - 1;
    this.ends = periodEnds;
  }

  flat(from: number, to: number, cash: number): void {
    if (from === 0) {
      this.firstValue = cash;
      this.peak = cash;
      this.floor = floorOf(cash, 1);
    }
    if (to > this.lastBar) this.lastValue = cash;
    const end = Math.min(to, this.lastBar);
    if (end <= from) return;
    this.markRange(cash);
    const periods = this.periodsBefore(end, from);
    if (periods > 0) {
      this.endPeriod(cash);
      this.returns += periods - 1;
    }
  }

  held(from: number, to: number, cash: number, size: number, entryPrice: number): number {
    const end = Math.min(to, this.lastBar);
    const ruined =
      this.ends === null
        ? this.heldDense(from, end, cash, size, entryPrice)
        : this.heldSparse(this.ends, from, end, cash, size, entryPrice);
    if (ruined < end) return ruined;
    if (to > this.lastBar) {
      const value = cash + size * (this.close[this.lastBar] - entryPrice);
      if (value <= 0) return this.lastBar;
      this.lastValue = value;
    }
    return to;
  }

  ruin(bar: number): void {
    if (bar < this.lastBar) {
      this.markRange(0);
      // Nothing after a ruin is a return; the period in which it falls is one.
      if (this.periodsBefore(this.lastBar, bar) > 0) this.endPeriod(0);
    }
    this.lastValue = 0;
  }

  last(value: number): void {
    this.lastValue = value;
  }

  figures({ calendar }: PreparedMarket): Omit<BacktestSummary, "tradeCount" | "warnings"> {
    const last = this.lastValue;
    this.markRange(last);
    this.endPeriod(last);
    const isRuined = this.previous === 0;
    const annual = annualizedReturns(
      {
        geometricMean: isRuined ? 0 : Math.exp(Math.log(this.previous / this.firstEnd) / this.returns) - 1,
        variance:
          squaresAboutMean({ count: this.returns, sum: this.sum, squares: this.squares, remained: this.deepest }) /
          (this.returns - 1),
      },
      calendar,
    );
    return {
      equityFinal: jsonNumber(last),
      returnPercent: jsonNumber(((last - this.firstValue) / this.firstValue) * 100),
      sharpeRatio: jsonNumber(annual.return / nonZero(annual.volatility)),
      maxDrawdownPercent: jsonNumber((0 - (1 - this.deepest)) * 100),
    };
  }

  /** Every bar ends a period. The account has stood flat before, so there is a previous value. */
  private heldDense(from: number, end: number, cash: number, size: number, entryPrice: number): number {
    const { close } = this;
    let { previous, sum, squares, peak, deepest, floor } = this;
    let bar = from;
    for (; bar < end; bar++) {
      const value = cash + size * (close[bar] - entryPrice);
      if (value <= 0) break;
      const change = value / previous - 1;
      sum += change;
      squares += change * change;
      previous = value;
      if (value > peak) {
        peak = value;
        floor = floorOf(peak, deepest);
      } else if (value < floor) {
        deepest = Math.min(deepest, value / peak);
        floor = floorOf(peak, deepest);
      }
    }
    this.returns += bar - from;
    this.previous = previous;
    this.sum = sum;
    this.squares = squares;
    this.peak = peak;
    this.deepest = deepest;
    this.floor = floor;
    return bar;
  }

  private heldSparse(
    ends: Int32Array,
    from: number,
    end: number,
    cash: number,
    size: number,
    entryPrice: number,
  ): number {
    let bar = from;
    while (bar < end) {
      const periodEnd = ends[this.nextEnd];
      const stop = Math.min(end, periodEnd + 1);
      bar = this.markStretch(bar, stop, cash, size, entryPrice);
      if (bar < stop) return bar;
      if (stop === periodEnd + 1) {
        this.nextEnd++;
        this.endPeriod(cash + size * (this.close[periodEnd] - entryPrice));
      }
    }
    return bar;
  }

  private markStretch(from: number, end: number, cash: number, size: number, entryPrice: number): number {
    const { close } = this;
    let { peak, deepest, floor } = this;
    let bar = from;
    for (; bar < end; bar++) {
      const value = cash + size * (close[bar] - entryPrice);
      if (value <= 0) break;
      if (value > peak) {
        peak = value;
        floor = floorOf(peak, deepest);
      } else if (value < floor) {
        deepest = Math.min(deepest, value / peak);
        floor = floorOf(peak, deepest);
      }
    }
    this.peak = peak;
    this.deepest = deepest;
    this.floor = floor;
    return bar;
  }

  private markRange(value: number): void {
    if (value > this.peak) this.peak = value;
    this.deepest = Math.min(this.deepest, value / this.peak);
    this.floor = floorOf(this.peak, this.deepest);
  }

  /** Counts the periods that end in [from, end), and takes them as marked. */
  private periodsBefore(end: number, from: number): number {
    if (this.ends === null) return end - from;
    const first = this.nextEnd;
    while (this.nextEnd < this.ends.length && this.ends[this.nextEnd] < end) this.nextEnd++;
    return this.nextEnd - first;
  }

  private endPeriod(value: number): void {
    if (this.previous === 0) return;
    this.returns++;
    if (this.returns === 0) this.firstEnd = value;
    else if (value !== this.previous) {
      const change = value / this.previous - 1;
      this.sum += change;
      this.squares += change * change;
    }
    this.previous = value;
  }
}

/** A little above `peak · deepest`, so that no rounding hides a deeper bar. Division is monotonic, so the least is exact. */
function floorOf(peak: number, deepest: number): number {
  return peak * deepest * (1 + 2 ** -50);
}
