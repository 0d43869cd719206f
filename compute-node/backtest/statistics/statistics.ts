/**
 * Every statistic of a backtest, as `protocol/backtest-result.ts` names them.
 *
 * Definitions are those of backtesting.py 0.6.6, `_stats.py`. Annualisation compounds: with g the geometric mean return
 * of a period and N periods a year, the annual return is (1+g)^N − 1 and the volatility
 * √((var + (1+g)²)^N − (1+g)^(2N)); the Sharpe ratio is their quotient, not mean over deviation times √N
 * (see https://dx.doi.org/10.2139/ssrn.3054517).
 */

import type { z } from "zod";
import type { BacktestStatistics, statistic } from "../../../protocol/backtest-result.ts";
import { DAY_MS } from "../../../protocol/durations.ts";
import type { BarColumns } from "../../market-data/bars.ts";
import { type Calendar, calendarOf, durationUnitMs, medianSpacingMs } from "../engine/calendar.ts";
import type { EngineResult } from "../engine/engine.ts";
import { summarizeDrawdowns } from "./drawdown.ts";
import { betaOf, type PeriodReturns, periodReturns } from "./returns.ts";
import { nonZero, tradeStatistics } from "./trade-statistics.ts";

const DAYS_PER_YEAR = 365.25;

/**
 * @param bars at least one row
 * @param warmupBars the bar from which buy-and-hold is measured
 */
export function computeStatistics(
  bars: BarColumns,
  run: Pick<EngineResult, "trades" | "equity">,
  warmupBars: number,
): BacktestStatistics {
  const { rows, timeMs, close } = bars;
  const { equity, trades } = run;
  const ofTrades = tradeStatistics(trades, timeMs);
  const drawdown = summarizeDrawdowns(equity, timeMs);
  const calendar = calendarOf(timeMs);
  const returns = periodReturns(calendar.period, timeMs, equity);
  const annual = annualizedReturns(returns, calendar);
  const downside = returns.downsideDeviation * Math.sqrt(calendar.periodsPerYear);
  const durationMs = timeMs[rows - 1] - timeMs[0];
  const growth = equity[rows - 1] / equity[0];
  const returnPercent = ((equity[rows - 1] - equity[0]) / equity[0]) * 100;
  const held = close[Math.min(warmupBars, rows - 1)];
  const buyAndHoldPercent = ((close[rows - 1] - held) / held) * 100;
  const beta = betaOf(equity, close);
  const unitMs = durationUnitMs(medianSpacingMs(timeMs));
  const roundedUp = (duration: number) => statisticOf(Math.ceil(duration / unitMs) * unitMs);
  const percent = (fraction: number) => statisticOf(fraction * 100);
  return {
    startMs: timeMs[0],
    endMs: timeMs[rows - 1],
    durationMs,
    exposurePercent: percent(ofTrades.exposedBars / rows),
    equityFinal: statisticOf(equity[rows - 1]),
    equityPeak: statisticOf(drawdown.peak),
    returnPercent: statisticOf(returnPercent),
    buyAndHoldReturnPercent: statisticOf(buyAndHoldPercent),
    annualReturnPercent: percent(annual.return),
    annualVolatilityPercent: percent(annual.volatility),
    cagrPercent: percent(growth ** (1 / nonZero(durationMs / DAY_MS / DAYS_PER_YEAR)) - 1),
    sharpeRatio: statisticOf(annual.return / nonZero(annual.volatility)),
    sortinoRatio: statisticOf(annual.return / downside),
    calmarRatio: statisticOf(annual.return / nonZero(drawdown.maxFraction)),
    alphaPercent: statisticOf(returnPercent - beta * buyAndHoldPercent),
    beta: statisticOf(beta),
    maxDrawdownPercent: percent(0 - drawdown.maxFraction),
    averageDrawdownPercent: percent(-drawdown.averageFraction),
    maxDrawdownDurationMs: roundedUp(drawdown.maxDurationMs),
    averageDrawdownDurationMs: roundedUp(drawdown.averageDurationMs),
    tradeCount: trades.count,
    winRatePercent: percent(ofTrades.winRate),
    bestTradePercent: percent(ofTrades.best),
    worstTradePercent: percent(ofTrades.worst),
    averageTradePercent: percent(ofTrades.average),
    maxTradeDurationMs: roundedUp(ofTrades.maxDurationMs),
    averageTradeDurationMs: roundedUp(ofTrades.averageDurationMs),
    profitFactor: statisticOf(ofTrades.profitFactor),
    expectancyPercent: percent(ofTrades.expectancy),
    sqn: statisticOf(ofTrades.sqn),
    kellyCriterion: statisticOf(ofTrades.kelly),
  };
}

/** As JSON can carry it: NaN is null, an infinity its name. */
export function statisticOf(value: number): z.infer<typeof statistic> {
  if (Number.isNaN(value)) return null;
  // JSON has no negative zero.
  if (Number.isFinite(value)) return value === 0 ? 0 : value;
  return value > 0 ? "Infinity" : "-Infinity";
}

/** Fractions a year. */
export function annualizedReturns(
  { geometricMean, variance }: Pick<PeriodReturns, "geometricMean" | "variance">,
  { periodsPerYear }: Calendar,
): { return: number; volatility: number } {
  const growth = 1 + geometricMean;
  return {
    return: growth ** periodsPerYear - 1,
    volatility: Math.sqrt((variance + growth ** 2) ** periodsPerYear - growth ** (2 * periodsPerYear)),
  };
}
