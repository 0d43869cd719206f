/** The trades of one side, or all of them, in figures. */
import { jsonNumber, nonZero, type SideStatistics } from "../../../results/index.ts";
import type { TradeLog } from "../engine/trade-log.ts";
import type { Excursions } from "./excursions.ts";

interface TradeSides {
  readonly all: SideStatistics;
  readonly long: SideStatistics;
  readonly short: SideStatistics;
}

/** `timeMs` holds the bars' start times. One pass over the trades for each column. */
export function tradeSides(trades: TradeLog, excursions: Excursions, timeMs: Float64Array): TradeSides {
  const of = (isCounted: (size: number) => boolean) => statisticsOf(trades, excursions, timeMs, isCounted);
  return { all: of(() => true), long: of((size) => size > 0), short: of((size) => size < 0) };
}

function statisticsOf(
  trades: TradeLog,
  { adverse, favourable }: Excursions,
  timeMs: Float64Array,
  isCounted: (size: number) => boolean,
): SideStatistics {
  const [wins, losses] = [new Group(), new Group()];
  const [returns, bars, durations, against, along] = Array.from({ length: 5 }, () => new Group());
  let [profit, commission] = [0, 0];
  for (let row = 0; row < trades.count; row++) {
    if (!isCounted(trades.size[row])) continue;
    const [entryBar, exitBar, pnl, fraction] = [
      trades.entryBar[row],
      trades.exitBar[row],
      trades.pnl[row],
      trades.returnFraction[row],
    ];
    const durationMs = timeMs[exitBar] - timeMs[entryBar];
    if (pnl > 0) wins.add(pnl, durationMs);
    else if (pnl < 0) losses.add(pnl, durationMs);
    returns.add(fraction);
    bars.add(exitBar - entryBar);
    durations.add(durationMs);
    against.add(adverse[row]);
    along.add(favourable[row]);
    profit += pnl;
    commission += trades.commission[row];
  }
  const count = returns.count;
  const percent = (fraction: number) => jsonNumber(fraction * 100);
  return {
    tradeCount: count,
    winningTrades: wins.count,
    losingTrades: losses.count,
    winRatePercent: percent(wins.count / count),
    profit: jsonNumber(profit),
    commission: jsonNumber(commission),
    expectancyPercent: percent(returns.mean),
    bestTradePercent: percent(returns.greatest),
    worstTradePercent: percent(returns.least),
    profitFactor: jsonNumber(wins.sum / nonZero(-losses.sum)),
    averageWin: jsonNumber(wins.mean),
    averageLoss: jsonNumber(losses.mean),
    largestWin: jsonNumber(wins.greatest),
    largestLoss: jsonNumber(losses.least),
    averageBarsHeld: jsonNumber(bars.mean),
    averageDurationMs: jsonNumber(durations.mean),
    averageWinDurationMs: jsonNumber(wins.meanDurationMs),
    averageLossDurationMs: jsonNumber(losses.meanDurationMs),
    averageAdverseExcursionPercent: percent(against.mean),
    worstAdverseExcursionPercent: percent(against.least),
    averageFavourableExcursionPercent: percent(along.mean),
    bestFavourableExcursionPercent: percent(along.greatest),
  };
}

/** Sums of one kind of figure; NaN where there is none. */
class Group {
  count = 0;
  sum = 0;
  least = Number.NaN;
  greatest = Number.NaN;
  private durationsMs = 0;

  add(value: number, durationMs = 0): void {
    this.count++;
    this.sum += value;
    this.durationsMs += durationMs;
    if (!(value >= this.least)) this.least = value;
    if (!(value <= this.greatest)) this.greatest = value;
  }

  get mean(): number {
    return this.sum / this.count;
  }

  get meanDurationMs(): number {
    return this.durationsMs / this.count;
  }
}
