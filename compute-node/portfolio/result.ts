/** From a portfolio's run to its result: statistics, contributions, benchmark, warnings. */

import { conventionsOf } from "../../protocol/conventions.ts";
import type { PortfolioSpec } from "../../protocol/operations/index.ts";
import { PORTFOLIO_REFUSALS, PORTFOLIO_RESULT_FORMAT, type PortfolioRefusal } from "../../protocol/portfolio-result.ts";
import type { ResultWarning, WarningCode } from "../../protocol/warnings.ts";
import {
  jsonNumber,
  listOf,
  type PortfolioChart,
  type PortfolioContribution,
  type PortfolioResult,
} from "../../results/index.ts";
import { figuresText } from "../backtest/engine/engine-warnings.ts";
import { prepareMarket } from "../backtest/engine/market.ts";
import { TradeLog } from "../backtest/engine/trade-log.ts";
import { barStatistics } from "../backtest/statistics/bar-statistics.ts";
import { compareToBenchmark } from "../backtest/statistics/benchmark.ts";
import type { Excursions } from "../backtest/statistics/excursions.ts";
import { chartSeries, monthlyReturns } from "../backtest/statistics/series.ts";
import { tradeSides } from "../backtest/statistics/side-statistics.ts";
import { computeStatistics } from "../backtest/statistics/statistics.ts";
import { undefinedFigures } from "../backtest/statistics/undefined-statistics.ts";
import { largeRates } from "../ledger/index.ts";
import type { BarColumns } from "../market-data/bars.ts";
import { portfolioExcursions } from "./excursions.ts";
import type { PortfolioCounts, PortfolioRun, PortfolioSymbol } from "./portfolio-model.ts";

/** A symbol with its facts for the result. */
export interface ResultSymbol extends PortfolioSymbol {
  readonly currency: string;
  readonly sha256: string;
}

interface ResultContext {
  readonly spec: PortfolioSpec;
  /** By name, as the run's slots are. */
  readonly symbols: readonly ResultSymbol[];
  readonly parameters: Readonly<Record<string, number>>;
  readonly hashes: PortfolioResult["hashes"];
  /** Actions before the first or after the last bar of their symbol. */
  readonly actionsOutside: number;
}

export function portfolioResultOf(run: PortfolioRun, context: ResultContext): PortfolioResult {
  const { spec, symbols, hashes } = context;
  const held = heldTogether(run.clock, symbols, spec.settings.initialCapital);
  const clock = clockBars(run.clock, held);
  const conventions = conventionsOf(spec.settings);
  const log = logOf(run);
  const excursions = portfolioExcursions(run, symbols, spec.settings);
  const statistics = {
    ...computeStatistics(clock, { trades: log, equity: run.equity, conventions }, 0),
    exposurePercent: jsonNumber((run.positions.filter((count) => count > 0).length / clock.rows) * 100),
  };
  const { symbol: _none, ...benchmark } = compareToBenchmark(
    "benchmark",
    held,
    run.equity,
    prepareMarket(clock, conventions.calendar),
  );
  const figures = { statistics, barStatistics: barStatistics(run.clock, run.equity) };
  const named = { ...figures, benchmark: { symbol: "benchmark", ...benchmark } };
  return {
    format: PORTFOLIO_RESULT_FORMAT,
    strategyName: spec.strategy.name,
    timeframe: spec.data[0].timeframe,
    accountCurrency: spec.accountCurrency,
    bars: clock.rows,
    symbolBars: symbols.reduce((sum, { bars }) => sum + bars.rows, 0),
    parameters: { ...context.parameters },
    settings: spec.settings,
    hashes,
    ...figures,
    benchmark,
    tradeSides: tradeSides(log, excursions, run.clock),
    grossExposure: {
      averagePercent: jsonNumber((run.exposure.reduce((sum, value) => sum + value, 0) / clock.rows) * 100),
      maxPercent: jsonNumber(run.exposure.reduce((most, value) => Math.max(most, value), 0) * 100),
    },
    refusals: {
      maxPositions: run.counts.refusals.max_positions,
      noCash: run.counts.refusals.no_cash,
      belowLot: run.counts.refusals.below_lot,
      noSize: run.counts.refusals.no_size,
      noRank: run.counts.refusals.no_rank,
      noWeight: run.counts.refusals.no_weight,
      noBar: run.counts.refusals.no_bar,
    },
    symbols: symbols.map((_, slot) => contributionOf(slot, run, context)),
    monthlyReturns: monthlyReturns(run.clock, run.equity),
    trades: tradesOf(run, symbols, excursions),
    timeMs: listOf(run.clock),
    equity: listOf(run.equity),
    exposure: listOf(run.exposure),
    positions: Array.from(run.positions),
    chart: chartOf(clock, run, held),
    warnings: [...largeRates(spec.settings), ...warningsOf(run, context), ...undefinedFigures(named)],
  };
}

/**
 * Equity of one who puts equal money in every symbol at the close of its first bar, and keeps its dividends as cash. Below a
 * price of 0 a seller pays for taking a unit: the money buys as many as at the price's size. At 0 it stays cash.
 */
function heldTogether(clock: Float64Array, symbols: readonly PortfolioSymbol[], capital: number): Float64Array {
  const equity = new Float64Array(clock.length);
  const part = capital / symbols.length;
  for (const { bars, rates, actions } of symbols) {
    const { timeMs, close } = bars;
    const price = close[0] * (rates?.close[0] ?? 1);
    let units = price === 0 ? 0 : part / Math.abs(price);
    let [bar, cash, next, value] = [-1, price > 0 ? 0 : part - units * price, 0, part];
    for (let moment = 0; moment < clock.length; moment++) {
      if (bar + 1 < timeMs.length && timeMs[bar + 1] === clock[moment]) {
        bar++;
        if (actions[next]?.bar === bar) {
          units *= actions[next].split;
          cash += units * actions[next].dividend * (rates?.open[bar] ?? 1);
          next++;
        }
        value = cash + units * close[bar] * (rates?.close[bar] ?? 1);
      }
      equity[moment] += value;
    }
  }
  return equity;
}

/** The clock as bars whose price is the benchmark's equity, for the statistics that compare with a market. */
function clockBars(timeMs: Float64Array, price: Float64Array): BarColumns {
  const volume = new Float64Array(timeMs.length);
  return { rows: timeMs.length, timeMs, open: price, high: price, low: price, close: price, volume };
}

/** The trades as a log, which the statistics of trades read. */
function logOf({ trades }: PortfolioRun): TradeLog {
  const log = new TradeLog(trades.length);
  for (const trade of trades) {
    const row = log.append();
    log.size[row] = trade.size;
    log.entryBar[row] = trade.entryMoment;
    log.exitBar[row] = trade.exitMoment;
    log.pnl[row] = trade.pnl;
    log.commission[row] = trade.commission;
    log.returnFraction[row] = trade.returnFraction;
  }
  return log;
}

function contributionOf(slot: number, run: PortfolioRun, { spec, symbols }: ResultContext): PortfolioContribution {
  const { symbol, currency, sha256, bars } = symbols[slot];
  const trades = run.trades.filter((trade) => trade.slot === slot);
  const open = run.open.find((holding) => holding.slot === slot);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const profit = sum(trades.map(({ pnl }) => pnl)) + (open?.profit ?? 0);
  const wins = trades.filter(({ pnl }) => pnl > 0).length;
  return {
    symbol,
    currency,
    sha256,
    bars: bars.rows,
    tradeCount: trades.length,
    winRatePercent: jsonNumber((wins / trades.length) * 100),
    profit,
    contributionPercent: (profit / spec.settings.initialCapital) * 100,
    commission: sum(trades.map(({ commission }) => commission)) + (open?.commission ?? 0),
    dividends: sum(trades.map(({ dividends }) => dividends)) + (open?.dividends ?? 0),
    heldPercent: jsonNumber((heldMoments(slot, run) / run.clock.length) * 100),
    openSize: open?.size ?? 0,
  };
}

/** Moments at whose end the symbol is held; where trades overlap (parts of one position), each counts once. */
function heldMoments(slot: number, { trades, open, clock }: PortfolioRun): number {
  let [count, counted] = [0, 0];
  const spans = trades.filter((trade) => trade.slot === slot).map((trade) => [trade.entryMoment, trade.exitMoment]);
  for (const holding of open) if (holding.slot === slot) spans.push([holding.entryMoment, clock.length]);
  for (const [from, to] of spans) {
    count += Math.max(0, to - Math.max(from, counted));
    counted = Math.max(counted, to);
  }
  return count;
}

function tradesOf(
  { trades, clock }: PortfolioRun,
  symbols: readonly PortfolioSymbol[],
  { adverse, favourable }: Excursions,
): PortfolioResult["trades"] {
  const orNull = (value: number) => (Number.isNaN(value) ? null : value);
  return trades.map((trade, row) => ({
    symbol: symbols[trade.slot].symbol,
    size: trade.size,
    entryBar: trade.entryMoment,
    exitBar: trade.exitMoment,
    entryTimeMs: clock[trade.entryMoment],
    exitTimeMs: clock[trade.exitMoment],
    entryPrice: trade.entryPrice,
    exitPrice: trade.exitPrice,
    pnl: trade.pnl,
    commission: trade.commission,
    dividends: trade.dividends,
    returnPercent: trade.returnFraction * 100,
    stopLoss: orNull(trade.stopLoss),
    takeProfit: orNull(trade.takeProfit),
    exitReason: trade.exitReason,
    adverseExcursionPercent: adverse[row] * 100,
    favourableExcursionPercent: favourable[row] * 100,
  }));
}

function chartOf(clock: BarColumns, run: PortfolioRun, held: Float64Array): PortfolioChart {
  const { barsPerPoint, timeMs, equity, drawdownPercent, benchmark } = chartSeries(clock, run.equity, held);
  const lastOf = (point: number) => Math.min((point + 1) * barsPerPoint, clock.rows) - 1;
  const exposurePercent = timeMs.map((_, point) => run.exposure[lastOf(point)] * 100);
  return { barsPerPoint, timeMs, equity, drawdownPercent, benchmark, exposurePercent };
}

function warningsOf({ counts, open }: PortfolioRun, { actionsOutside, symbols }: ResultContext): ResultWarning[] {
  const { reducedEntries, conflictingEntries, ambiguousBars, neverDecided, endedEarly, isRuined } = counts;
  const found: [WarningCode, number, string][] = [
    ...refusalWarnings(counts, symbols),
    [
      "entry-reduced",
      reducedEntries,
      "Entries were made smaller than their weight because the free equity was used up.",
    ],
    [
      "conflicting-entries",
      conflictingEntries,
      "Long and short entry held on the same bar while flat; the long one was taken.",
    ],
    [
      "ambiguous-bar",
      ambiguousBars,
      "Bars left open which of several events came first; the outcome that leaves the account with the least was taken.",
    ],
    [
      "never-decided",
      neverDecided,
      "Symbols have fewer bars than their indicators need, and never decided; widen the date range.",
    ],
    [
      "ended-early",
      endedEarly,
      "Positions were held in symbols whose bars end before the others'; they stand at their last close to the end.",
    ],
    [
      "action-outside",
      actionsOutside,
      "Corporate actions lie before the first or after the last bar of their symbol, and changed nothing.",
    ],
    [
      "open-at-end",
      open.length,
      "Positions are open after the last bar; they count in the equity and are not among the trades.",
    ],
    ["ruin", isRuined ? 1 : 0, "The equity fell to nothing; every position was closed and the run ended there."],
  ];
  return found.filter(([, count]) => count > 0).map(([code, count, message]) => ({ code, message, count }));
}

const WHY_REFUSED: Readonly<Record<PortfolioRefusal, readonly [code: WarningCode, because: string]>> = {
  max_positions: ["refused-max-positions", "every place of max_positions was taken"],
  no_cash: ["refused-no-cash", "the free equity did not pay for them"],
  below_lot: [
    "refused-below-lot",
    "their share of the equity is below a unit or lot; raise initial_capital or allow fractional_units",
  ],
  no_size: ["refused-no-size", "their price was 0"],
  no_rank: ["refused-no-rank", "rank_by had no value there"],
  no_weight: ["refused-no-weight", "their weight had no value above 0"],
  no_bar: ["refused-no-bar", "their symbol had no bar any more"],
};

function refusalWarnings(
  { refusals, firstRefusals }: PortfolioCounts,
  symbols: readonly PortfolioSymbol[],
): [WarningCode, number, string][] {
  return PORTFOLIO_REFUSALS.map((reason) => {
    const [code, because] = WHY_REFUSED[reason];
    const first = firstRefusals[reason];
    const figures =
      first === undefined ? "" : ` The first time, in ${symbols[first.slot].symbol}, ${figuresText(first)}.`;
    return [code, refusals[reason], `Entries were refused because ${because}.${figures}`];
  });
}
