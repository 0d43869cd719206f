/** Sums over a list of closed trades. */
import { nonZero, type RunMeasures } from "../../../results/index.ts";
import type { TradeLog } from "../engine/trade-log.ts";

/** `timeMs` holds the bars' start times. Trades must be in the order of their bars. */
export function measureTrades(trades: TradeLog, timeMs: Float64Array): RunMeasures["trades"] {
  const { count, pnl, returnFraction, entryBar, exitBar } = trades;
  const money = profitSums(trades);
  const returns = returnSums(trades);
  const durations = durationSums(trades, timeMs);
  const meanProfit = money.sum / count;
  return {
    count,
    pnl,
    returnFraction,
    entryBar,
    exitBar,
    exposedBars: durations.exposedBars,
    winRate: money.wins / count,
    best: returns.best,
    worst: returns.worst,
    average: returns.hasTotalLoss ? 0 : Math.exp(returns.logSum / nonZero(count)) - 1,
    expectancy: returns.sum / count,
    maxDurationMs: durations.max,
    averageDurationMs: durations.sum / count,
    gains: returns.gains,
    losses: returns.losses,
    meanProfit,
    profitDeviation: standardDeviation(pnl, count, meanProfit),
    largestAmount: money.largest,
    meanWin: money.winSum / money.wins,
    meanLoss: money.lossSum / money.losses,
  };
}

function profitSums({ pnl, size, entryPrice, count }: TradeLog) {
  let [sum, wins, winSum, losses, lossSum, largest] = [0, 0, 0, 0, 0, 0];
  for (let row = 0; row < count; row++) {
    const profit = pnl[row];
    sum += profit;
    largest = Math.max(largest, Math.abs(profit), Math.abs(size[row] * entryPrice[row]));
    if (profit > 0) {
      wins++;
      winSum += profit;
    } else if (profit < 0) {
      losses++;
      lossSum += profit;
    }
  }
  return { sum, wins, winSum, losses, lossSum, largest };
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
