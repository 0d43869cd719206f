/** Everything that a result has beside `statistics`: trades, orders, sides, exposure, benchmark. */
import { type BacktestResult, listOf, type Trade } from "../../../results/index.ts";
import type { BarColumns } from "../../market-data/bars.ts";
import { prepareMarket } from "../engine/market.ts";
import { type TradeLog, tradeRecords } from "../engine/trade-log.ts";
import { barStatistics } from "./bar-statistics.ts";
import { compareToBenchmark, heldEquity } from "./benchmark.ts";
import { type Excursions, tradeExcursions } from "./excursions.ts";
import { exposureOf } from "./exposure.ts";
import type { FinishedRun } from "./finished-run.ts";
import { ordersOfRun } from "./orders-of-run.ts";
import { chartSeries, monthlyReturns } from "./series.ts";
import { tradeSides } from "./side-statistics.ts";
import { heldFrom } from "./statistics.ts";

export interface RunContext {
  readonly symbol: string;
  readonly fillAt: "next_open" | "close";
  readonly initialCapital: number;
}

export type RunDetails = Pick<
  BacktestResult,
  | "barStatistics"
  | "tradeSides"
  | "benchmark"
  | "refusals"
  | "monthlyReturns"
  | "trades"
  | "orders"
  | "exposure"
  | "chart"
>;

/** The benchmark is the symbol itself, bought and held. `bars` has at least one row. */
export function runDetails(
  bars: BarColumns,
  run: FinishedRun,
  { symbol, fillAt, initialCapital }: RunContext,
): RunDetails {
  const { equity, refusals, warmupBars, conventions } = run;
  const excursions = tradeExcursions(bars, run, fillAt);
  const held = heldEquity(bars.close, heldFrom(conventions, warmupBars), initialCapital);
  return {
    barStatistics: barStatistics(bars.timeMs, equity),
    tradeSides: tradeSides(run.trades, excursions, bars.timeMs),
    benchmark: compareToBenchmark(symbol, held, equity, prepareMarket(bars, conventions.calendar)),
    refusals: {
      noCash: refusals.no_cash,
      belowLot: refusals.below_lot,
      margin: refusals.margin,
      pyramiding: refusals.pyramiding,
      noSize: refusals.no_size,
    },
    monthlyReturns: monthlyReturns(bars.timeMs, equity),
    trades: detailedTrades(run.trades, excursions, bars.timeMs),
    orders: ordersOfRun(bars, run, run.signals, fillAt),
    exposure: listOf(exposureOf(bars, run)),
    chart: chartSeries(bars, equity, held),
  };
}

function detailedTrades(trades: TradeLog, { adverse, favourable }: Excursions, timeMs: Float64Array): Trade[] {
  return tradeRecords(trades, timeMs).map((trade, row) => {
    const value = Math.abs(trade.size * trade.entryPrice);
    return {
      ...trade,
      holdingCost: trades.holdingCost[row],
      barsHeld: trade.exitBar - trade.entryBar,
      adverseExcursion: adverse[row] * value,
      adverseExcursionPercent: adverse[row] * 100,
      favourableExcursion: favourable[row] * value,
      favourableExcursionPercent: favourable[row] * 100,
    };
  });
}
