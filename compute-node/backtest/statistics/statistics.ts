/**
 * Takes the sums over a run that its statistics read; `results/statistics` has their formulas.
 *
 * Definitions are those of backtesting.py 0.6.6, `_stats.py`. Annualisation compounds: with g the geometric mean return
 * of a period and N periods a year, the annual return is (1+g)^N − 1 and the volatility
 * √((var + (1+g)²)^N − (1+g)^(2N)), taken as (1+g)^N · √((1 + var / (1+g)²)^N − 1), where nothing cancels; the Sharpe ratio is their quotient, not mean over deviation times √N
 * (see https://dx.doi.org/10.2139/ssrn.3054517).
 */
import { type Conventions, conventionsOf } from "../../../protocol/conventions.ts";
import { type BacktestStatistics, type RunMeasures, statisticsOf } from "../../../results/index.ts";
import type { BarColumns } from "../../market-data/bars.ts";
import { type Calendar, calendarOf, durationUnitMs, medianSpacingMs } from "../engine/calendar.ts";
import type { EngineResult } from "../engine/engine-result.ts";
import { summarizeDrawdowns } from "./drawdown.ts";
import { betaOf, type PeriodReturns, periodReturns } from "./returns.ts";
import { measureTrades } from "./trade-measures.ts";

/**
 * @param bars at least one row
 * @param run without conventions the default ones count
 * @param warmupBars the bar at which the strategy first decides
 */
export function computeStatistics(bars: BarColumns, run: MeasuredRun, warmupBars: number): BacktestStatistics {
  return statisticsOf(measureRun(bars, run, warmupBars));
}

type MeasuredRun = Pick<EngineResult, "trades" | "equity"> & Partial<Pick<EngineResult, "conventions">>;

/** The bar at whose close buy-and-hold begins. */
export function heldFrom({ buyAndHoldFrom }: Conventions, warmupBars: number): number {
  return buyAndHoldFrom === "first_bar" ? 0 : warmupBars;
}

function measureRun(
  { rows, timeMs, close }: BarColumns,
  { equity, trades, conventions = conventionsOf({}) }: MeasuredRun,
  warmupBars: number,
): RunMeasures {
  const calendar = calendarOf(timeMs, conventions.calendar);
  const drawdown = summarizeDrawdowns(equity, timeMs);
  const returns = periodReturns(calendar.period, timeMs, equity, 1 - drawdown.maxFraction);
  const held = close[Math.min(heldFrom(conventions, warmupBars), rows - 1)];
  return {
    timeMs,
    equity,
    close,
    durationMs: timeMs[rows - 1] - timeMs[0],
    durationUnitMs: durationUnitMs(medianSpacingMs(timeMs)),
    growth: equity[rows - 1] / equity[0],
    returnPercent: ((equity[rows - 1] - equity[0]) / equity[0]) * 100,
    buyAndHoldReturnPercent: held > 0 ? ((close[rows - 1] - held) / held) * 100 : Number.NaN,
    beta: betaOf(equity, close),
    annual: {
      ...annualizedReturns(returns, calendar),
      downsideDeviation: returns.downsideDeviation * Math.sqrt(calendar.periodsPerYear),
    },
    drawdown,
    trades: measureTrades(trades, timeMs),
  };
}

/** Fractions a year. */
export function annualizedReturns(
  { geometricMean, variance }: Pick<PeriodReturns, "geometricMean" | "variance">,
  { periodsPerYear }: Calendar,
): { return: number; volatility: number } {
  const growth = 1 + geometricMean;
  return {
    return: growth ** periodsPerYear - 1,
    volatility: growth ** periodsPerYear * Math.sqrt(Math.expm1(periodsPerYear * Math.log1p(variance / growth ** 2))),
  };
}
