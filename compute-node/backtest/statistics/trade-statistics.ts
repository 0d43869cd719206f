/** Statistics of a list of closed trades. Fractions, money and milliseconds; NaN where nothing is defined. */
import type { TradeLog } from "../engine/trade-log.ts";

export interface TradeStatistics {
  /** Bars between entry and exit, both inclusive, of any trade. */
  readonly exposedBars: number;
  readonly winRate: number;
  readonly best: number;
  readonly worst: number;
  /** Geometric mean; 0 when one trade lost everything. */
  readonly average: number;
  /** Arithmetic mean. */
  readonly expectancy: number;
  readonly maxDurationMs: number;
  readonly averageDurationMs: number;
  /** Sum of positive returns over the sum of negative ones. */
  readonly profitFactor: number;
  /** Van Tharp's system quality number: √n · mean / standard deviation of the profits in money. */
  readonly sqn: number;
  /** Kelly's fraction: win rate − loss rate / (mean win / mean loss), profits in money. */
  readonly kelly: number;
}

/** Zero becomes NaN, so that a quotient without a denominator is undefined rather than infinite. */
export function nonZero(value: number): number {
  return value === 0 ? Number.NaN : value;
}

/** `timeMs` holds the bars' start times. Trades must be in the order of their bars. */
export function tradeStatistics(trades: TradeLog, timeMs: Float64Array): TradeStatistics {
  const count = trades.count;
  const money = profitSums(trades);
  const returns = returnSums(trades);
  const durations = durationSums(trades, timeMs);
  const mean = money.sum / count;
  const winRate = money.wins / count;
  const meanWin = money.winSum / money.wins;
  const meanLoss = money.lossSum / money.losses;
  return {
    exposedBars: durations.exposedBars,
    winRate,
    best: returns.best,
    worst: returns.worst,
    average: returns.hasTotalLoss ? 0 : Math.exp(returns.logSum / nonZero(count)) - 1,
    expectancy: returns.sum / count,
    maxDurationMs: durations.max,
    averageDurationMs: durations.sum / count,
    profitFactor: returns.gains / nonZero(Math.abs(returns.losses)),
    sqn: (Math.sqrt(count) * mean) / nonZero(standardDeviation(trades.pnl, count, mean)),
    kelly: winRate - (1 - winRate) / (meanWin / -meanLoss),
  };
}

function profitSums({ pnl, count }: TradeLog) {
  let [sum, wins, winSum, losses, lossSum] = [0, 0, 0, 0, 0];
  for (let row = 0; row < count; row++) {
    const profit = pnl[row];
    sum += profit;
    if (profit > 0) {
      wins++;
      winSum += profit;
    } else if (profit < 0) {
      losses++;
      lossSum += profit;
    }
  }
  return { sum, wins, winSum, losses, lossSum };
}

function returnSums({ returnFraction, count }: TradeLog) {
  let [sum, gains, losses, logSum] = [0, 0, 0, 0];
  let [best, worst] = [Number.NaN, Number.NaN];
  let hasTotalLoss = false;
  for (let row = 0; row < count; row++) {
    const value = returnFraction[row];
    sum += value;
    if (value > 0) gains += value;
    else losses += value;
    if (!(value <= best)) best = value;
    if (!(value >= worst)) worst = value;
    if (value <= -1) hasTotalLoss = true;
    else logSum += Math.log1p(value);
  }
  return { sum, gains, losses, logSum, best, worst, hasTotalLoss };
}

function durationSums({ entryBar, exitBar, count }: TradeLog, timeMs: Float64Array) {
  let [sum, exposedBars, lastBar] = [0, 0, -1];
  let max = Number.NaN;
  for (let row = 0; row < count; row++) {
    const duration = timeMs[exitBar[row]] - timeMs[entryBar[row]];
    sum += duration;
    if (!(duration <= max)) max = duration;
    exposedBars += Math.max(0, exitBar[row] - Math.max(entryBar[row] - 1, lastBar));
    lastBar = Math.max(lastBar, exitBar[row]);
  }
  return { sum, max, exposedBars };
}

/** With n − 1; NaN below two values. */
function standardDeviation(values: Float64Array, count: number, mean: number): number {
  let squares = 0;
  for (let row = 0; row < count; row++) squares += (values[row] - mean) ** 2;
  return count < 2 ? Number.NaN : Math.sqrt(squares / (count - 1));
}
