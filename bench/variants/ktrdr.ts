/** ktrdr's own engine: `node ktrdr.ts ROWS SEED ROUNDS [parts]`; prints one JSON line. `parts` times each step apart. */
import {
  chartSeries,
  computeStatistics,
  encodeBacktestResult,
  executeBacktest,
  monthlyReturns,
  runBacktest,
  tradeRecords,
} from "../../compute-node/backtest/index.ts";
import type { BarColumns } from "../../compute-node/market-data/bars.ts";
import { compileRules } from "../../compute-node/strategy/index.ts";
import { backtestSpec } from "../../protocol/index.ts";
import { medianSeconds } from "../measure.ts";
import { randomWalk } from "../random-walk.ts";

const [rows, seed, rounds] = process.argv.slice(2, 5).map(Number);
const wanted = process.argv[5];
const bars = randomWalk(rows, seed);
const spec = backtestSpec.parse({
  kind: "backtest",
  strategy: {
    kind: "rules",
    name: "SMA 20/50",
    indicators: { fast: { type: "sma", period: 20 }, slow: { type: "sma", period: 50 } },
    entries: { long: "fast > slow" },
    exits: { long: "fast <= slow" },
  },
  data: { symbol: "WALK", timeframe: "1d" },
  settings: { initialCapital: 1e6, commissionRate: 0.001, fractionalUnits: true, finalizeTrades: false },
});
const compiled = compileRules(spec.strategy, {});
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

/** Seconds of each step alone; `records` and `encoding` come on top of the complete statistics. */
function timeParts(): Record<string, number> {
  const signals = compiled.signals(bars);
  const run = runBacktest(bars, signals, spec.settings);
  const { result } = executeBacktest({ spec, bars, dataSha256: "0".repeat(64) });
  return {
    signals: time(() => compiled.signals(bars).entryLong[rows - 1]),
    engine: time(() => runBacktest(bars, signals, spec.settings).cash),
    statistics: time(() => computeStatistics(bars, run, signals.warmupBars).tradeCount),
    records: time(() => {
      const months = monthlyReturns(bars.timeMs, run.equity).length;
      return tradeRecords(run.trades, bars.timeMs).length + months + chartSeries(bars, run.equity).equity.length;
    }),
    encoding: time(() => encodeBacktestResult(result).length),
  };
}

/** A node runs many backtests in one process: the compiler settles on short ones before the clock starts. */
const SETTLING_RUNS = 1000;
const short = randomWalk(10_000, seed);
for (let run = 0; run < SETTLING_RUNS; run++) checksum += Number(backtest(short).equityFinal);
const seconds = time(() => Number(backtest(bars).equityFinal));
const statistics = backtest(bars);
console.log(
  JSON.stringify({
    seconds,
    equity: statistics.equityFinal,
    drawdown: -Number(statistics.maxDrawdownPercent) / 100,
    trades: statistics.tradeCount,
    checksum,
    ...(wanted === "parts" ? { parts: timeParts() } : {}),
  }),
);
