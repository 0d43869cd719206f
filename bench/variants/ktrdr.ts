/** ktrdr's own engine: `node ktrdr.ts ROWS SEED ROUNDS [parts]`; prints one JSON line. `parts` times each step apart. */

import {
  computeStatistics,
  executeBacktest,
  prepareMarket,
  runBacktest,
  runDetails,
  summarizeBacktest,
  TradeLog,
} from "../../compute-node/backtest/index.ts";
import type { BarColumns } from "../../compute-node/market-data/bars.ts";
import { compileRules, SignalScratch } from "../../compute-node/strategy/index.ts";
import { backtestSpec, ruleStrategy } from "../../protocol/index.ts";
import { encodeBacktestResult } from "../../results/index.ts";
import { leastAndMedianSeconds, medianSeconds } from "../measure.ts";
import { randomWalk } from "../random-walk.ts";

const [rows, seed, rounds] = process.argv.slice(2, 5).map(Number);
const wanted = process.argv[5];
const bars = randomWalk(rows, seed);
const strategy = ruleStrategy.parse({
  kind: "rules",
  name: "SMA 20/50",
  indicators: { fast: { type: "sma", period: 20 }, slow: { type: "sma", period: 50 } },
  entries: { long: "fast > slow" },
  exits: { long: "fast <= slow" },
});
const spec = backtestSpec.parse({
  kind: "backtest",
  strategy,
  data: { symbol: "WALK", timeframe: "1d" },
  settings: { initialCapital: 1e6, commissionRate: 0.001, fractionalUnits: true, finalizeTrades: false },
});
const compiled = compileRules(strategy, {});
let checksum = 0;

/** Indicators, signals, trades, equity curve and every statistic. */
function backtest(bars: BarColumns) {
  const signals = compiled.signals(bars);
  const run = runBacktest(bars, signals, spec.settings);
  return computeStatistics(bars, run, signals.warmupBars);
}

/** Median seconds of a step whose number goes into the checksum. */
function time(step: () => number): number {
  return medianSeconds(() => {
    checksum += step();
  }, rounds);
}

/** Seconds of each step by itself; `records` and `encoding` come on top of the complete statistics. */
function timeParts(): Record<string, number> {
  const signals = compiled.signals(bars);
  const run = runBacktest(bars, signals, spec.settings);
  const openLots = run.openPosition === null ? [] : [run.openPosition];
  const finished = { ...run, openLots, signals, warmupBars: signals.warmupBars };
  const details = { symbol: "WALK", ...spec.settings };
  const { result } = executeBacktest({ spec, bars, dataSha256: "0".repeat(64) });
  return {
    signals: time(() => compiled.signals(bars, scratch).entryLong[rows - 1]),
    marks: time(() => summarizeBacktest(market, signals, spec.settings, trades).tradeCount),
    "prepare (once for a dataset)": time(() => prepareMarket(bars).calendar.periodsPerYear),
    engine: time(() => runBacktest(bars, signals, spec.settings).cash),
    statistics: time(() => computeStatistics(bars, run, signals.warmupBars).tradeCount),
    records: time(() => runDetails(bars, finished, details).trades.length),
    encoding: time(() => encodeBacktestResult(result, bars.timeMs).length),
  };
}

/** The same work as the C loop's: indicators, fills, final equity, drawdown, Sharpe ratio, number of trades. */
const scratch = new SignalScratch();
const trades = new TradeLog();
function summary(market: ReturnType<typeof prepareMarket>) {
  return summarizeBacktest(market, compiled.signals(market.bars, scratch), spec.settings, trades);
}

/** A node runs many backtests in one process: the compiler settles on short ones before the clock starts. */
const SETTLING_RUNS = 1000;
const short = prepareMarket(randomWalk(10_000, seed));
for (let run = 0; run < SETTLING_RUNS; run++) {
  checksum += Number(backtest(short.bars).equityFinal) + Number(summary(short).equityFinal);
}
const market = prepareMarket(bars);
const summarized = leastAndMedianSeconds(() => {
  checksum += Number(summary(market).equityFinal);
}, rounds);
const statistics = backtest(bars);
console.log(
  JSON.stringify({
    seconds: summarized.median,
    leastSeconds: summarized.least,
    completeSeconds: time(() => Number(backtest(bars).equityFinal)),
    equity: statistics.equityFinal,
    drawdown: -Number(statistics.maxDrawdownPercent) / 100,
    trades: statistics.tradeCount,
    checksum,
    ...(wanted === "parts" ? { parts: timeParts() } : {}),
  }),
);
