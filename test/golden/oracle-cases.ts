/**
 * Cases of an independent engine (backtesting.py 0.6.6; origin and conventions stand in the JSON file) as this project
 * runs and compares them: the strategy from YAML, through the strategy compiler, the engine and its statistics.
 */

import { readFileSync } from "node:fs";
import { runBacktest } from "../../compute-node/backtest/engine/engine.ts";
import { tradeRecords } from "../../compute-node/backtest/engine/trade-log.ts";
import { computeStatistics } from "../../compute-node/backtest/statistics/statistics.ts";
import type { BarColumns } from "../../compute-node/market-data/bars.ts";
import { compileRules, parseRuleStrategyFile } from "../../compute-node/strategy/index.ts";
import { BACKTESTING_PY_CONVENTIONS } from "../../protocol/conventions.ts";
import { type BacktestSettings, backtestSettings } from "../../protocol/index.ts";
import type { BacktestStatistics } from "../../results/index.ts";

type Figure = number | string | null;

export interface OracleCase {
  readonly id: string;
  /** The data file's name, as the JSON file spells it. */
  readonly data: string;
  /** The name of a file in `strategies/`. */
  readonly strategy: string;
  readonly params: Readonly<Record<string, number>>;
  readonly settings: {
    readonly cash: number;
    /** A rate, or a fixed fee and a rate. */
    readonly commission: number | readonly [number, number];
    readonly spread: number;
    readonly margin: number;
    readonly trade_on_close: boolean;
    readonly finalize_trades: boolean;
  };
  readonly bars: number;
  readonly stats: Readonly<Record<string, Figure>>;
  readonly equityEvery50Bars: readonly number[];
  readonly equityLast: number;
  readonly trades: readonly Readonly<Record<string, Figure>>[];
}

/** Prices and money agree to this relative difference: some units in the last place of a double. */
export const MONEY_TOLERANCE = 1e-14;
/** Statistics sum in another order than NumPy does; the worst one is a mean near zero. */
const STATISTIC_TOLERANCE = 5e-11;

export function oracleCases(file: URL): OracleCase[] {
  return (JSON.parse(readFileSync(file, "utf8")) as { cases: OracleCase[] }).cases;
}

/** Runs the case and lists the differences, by name, with both values; empty when it agrees. */
export function differences(oracle: OracleCase, bars: BarColumns): Record<string, string> {
  const found: Record<string, string> = {};
  const compare = (name: string, ours: Figure, theirs: Figure, tolerance: number) => {
    if (relativeDifference(ours, theirs) > tolerance) found[name] = `${ours}, expected ${theirs}`;
  };
  const file = new URL(`strategies/${oracle.strategy}.yaml`, import.meta.url);
  const strategy = parseRuleStrategyFile(readFileSync(file, "utf8"), `${oracle.strategy}.yaml`);
  const signals = compileRules(strategy, oracle.params).signals(bars);
  const run = runBacktest(bars, signals, settingsOf(oracle));

  compare("bars", bars.rows, oracle.bars, 0);
  compareTrades(tradeRecords(run.trades, bars.timeMs), oracle.trades, compare);
  oracle.equityEvery50Bars.forEach((equity, index) => {
    compare(`equity[${index * 50}]`, run.equity[index * 50], equity, MONEY_TOLERANCE);
  });
  compare("equity at the end", run.equity[bars.rows - 1], oracle.equityLast, MONEY_TOLERANCE);
  const statistics = computeStatistics(bars, run, signals.warmupBars);
  for (const [name, read] of Object.entries(STATISTICS)) {
    compare(name, read(statistics), oracle.stats[name], STATISTIC_TOLERANCE);
  }
  if (oracle.stats[COMMISSIONS] !== undefined) {
    const paid = run.trades.commission.subarray(0, run.trades.count).reduce((sum, fee) => sum + fee, 0);
    compare(COMMISSIONS, paid, oracle.stats[COMMISSIONS], STATISTIC_TOLERANCE);
  }
  return found;
}

/** Statistics of the oracle that have no counterpart here; a test holds that there is no other. */
export function uncheckedStatistics(oracle: OracleCase): string[] {
  return Object.keys(oracle.stats).filter((name) => !Object.hasOwn(STATISTICS, name) && name !== COMMISSIONS);
}

const COMMISSIONS = "Commissions [$]";
const inSeconds = (milliseconds: Figure) => (typeof milliseconds === "number" ? milliseconds / 1000 : milliseconds);
const asTime = (milliseconds: number) => new Date(milliseconds).toISOString().replace(".000Z", "Z");

/** Their name of each statistic, and ours in their unit. */
const STATISTICS: Readonly<Record<string, (ours: BacktestStatistics) => Figure>> = {
  Start: (ours) => asTime(ours.startMs),
  End: (ours) => asTime(ours.endMs),
  Duration: (ours) => inSeconds(ours.durationMs),
  "Exposure Time [%]": (ours) => ours.exposurePercent,
  "Equity Final [$]": (ours) => ours.equityFinal,
  "Equity Peak [$]": (ours) => ours.equityPeak,
  "Return [%]": (ours) => ours.returnPercent,
  "Buy & Hold Return [%]": (ours) => ours.buyAndHoldReturnPercent,
  "Return (Ann.) [%]": (ours) => ours.annualReturnPercent,
  "Volatility (Ann.) [%]": (ours) => ours.annualVolatilityPercent,
  "CAGR [%]": (ours) => ours.cagrPercent,
  "Sharpe Ratio": (ours) => ours.sharpeRatio,
  "Sortino Ratio": (ours) => ours.sortinoRatio,
  "Calmar Ratio": (ours) => ours.calmarRatio,
  "Alpha [%]": (ours) => ours.alphaPercent,
  Beta: (ours) => ours.beta,
  "Max. Drawdown [%]": (ours) => ours.maxDrawdownPercent,
  "Avg. Drawdown [%]": (ours) => ours.averageDrawdownPercent,
  "Max. Drawdown Duration": (ours) => inSeconds(ours.maxDrawdownDurationMs),
  "Avg. Drawdown Duration": (ours) => inSeconds(ours.averageDrawdownDurationMs),
  "# Trades": (ours) => ours.tradeCount,
  "Win Rate [%]": (ours) => ours.winRatePercent,
  "Best Trade [%]": (ours) => ours.bestTradePercent,
  "Worst Trade [%]": (ours) => ours.worstTradePercent,
  "Avg. Trade [%]": (ours) => ours.averageTradePercent,
  "Max. Trade Duration": (ours) => inSeconds(ours.maxTradeDurationMs),
  "Avg. Trade Duration": (ours) => inSeconds(ours.averageTradeDurationMs),
  "Profit Factor": (ours) => ours.profitFactor,
  "Expectancy [%]": (ours) => ours.expectancyPercent,
  SQN: (ours) => ours.sqn,
  "Kelly Criterion": (ours) => ours.kellyCriterion,
};

type Compare = (name: string, ours: Figure, theirs: Figure, tolerance: number) => void;

function compareTrades(ours: ReturnType<typeof tradeRecords>, theirs: OracleCase["trades"], compare: Compare): void {
  compare("number of trades", ours.length, theirs.length, 0);
  for (const [row, trade] of ours.slice(0, theirs.length).entries()) {
    const expected = theirs[row];
    const field = (name: string, value: Figure, tolerance: number) =>
      compare(`trades[${row}].${name}`, value, expected[name], tolerance);
    field("size", trade.size, 0);
    field("entryBar", trade.entryBar, 0);
    field("exitBar", trade.exitBar, 0);
    field("entryTime", asTime(trade.entryTimeMs), 0);
    field("exitTime", asTime(trade.exitTimeMs), 0);
    field("entryPrice", trade.entryPrice, MONEY_TOLERANCE);
    field("exitPrice", trade.exitPrice, MONEY_TOLERANCE);
    field("pnl", trade.pnl, MONEY_TOLERANCE);
    field("commission", trade.commission, MONEY_TOLERANCE);
    field("returnPct", trade.returnPercent, MONEY_TOLERANCE);
    field("sl", trade.stopLoss, MONEY_TOLERANCE);
    field("tp", trade.takeProfit, MONEY_TOLERANCE);
  }
}

function settingsOf({ settings }: OracleCase): BacktestSettings {
  const { commission } = settings;
  const [commissionFixed, commissionRate] = typeof commission === "number" ? [0, commission] : commission;
  return backtestSettings.parse({
    ...BACKTESTING_PY_CONVENTIONS,
    initialCapital: settings.cash,
    commissionFixed,
    commissionRate,
    spreadRate: settings.spread,
    margin: settings.margin,
    fillAt: settings.trade_on_close ? "close" : "next_open",
    finalizeTrades: settings.finalize_trades,
  });
}

function relativeDifference(ours: Figure, theirs: Figure): number {
  if (ours === theirs) return 0;
  if (typeof ours !== "number" || typeof theirs !== "number") return Number.POSITIVE_INFINITY;
  return Math.abs(ours - theirs) / Math.max(Math.abs(ours), Math.abs(theirs));
}
