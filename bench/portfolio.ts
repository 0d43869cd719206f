/**
 * Portfolio backtests: bars a second of the whole (signals, engine, statistics, encoding) and of the engine alone, and
 * the cost of a portfolio of one beside the engine for one symbol. `node bench/portfolio.ts [symbols] [bars]`
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { runBacktest } from "../compute-node/backtest/index.ts";
import { randomBars } from "../compute-node/backtest/testing/random-cases.ts";
import { type BarColumns, parseCsv } from "../compute-node/market-data/index.ts";
import { executePortfolio, type PortfolioSymbol, runPortfolio } from "../compute-node/portfolio/index.ts";
import { compileRules } from "../compute-node/strategy/index.ts";
import { backtestSettings, type PortfolioSpec, portfolioSpec } from "../protocol/index.ts";

const ROUNDS = 5;
const settings = backtestSettings.parse({ commissionRate: 0.001, fractionalUnits: true });

const CROSS = {
  kind: "rules",
  name: "sma-cross",
  indicators: { fast: { type: "sma", period: 10 }, slow: { type: "sma", period: 30 } },
  entries: { long: "fast crosses above slow" },
  exits: { long: "fast crosses below slow" },
  portfolio: { max_positions: 10, rank_by: "close / slow" },
};
const ROTATION = {
  kind: "rules",
  name: "rotation",
  indicators: { slow: { type: "sma", period: 100 } },
  entries: { long: "close > slow" },
  portfolio: {
    max_positions: 10,
    rank_by: "close / close[60]",
    rebalance: { every: 20, weights: "inverse_volatility", select: "ranked" },
  },
};

function specOf(strategy: object, symbols: readonly string[]): PortfolioSpec {
  const data = symbols.map((symbol) => ({ symbol, timeframe: "1d" }));
  return portfolioSpec.parse({ kind: "portfolio", strategy, data, settings });
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1];
}

function secondsOf(run: () => unknown): number {
  const started = performance.now();
  run();
  return (performance.now() - started) / 1000;
}

function rate(bars: number, seconds: number): string {
  return `${(bars / seconds / 1e6).toFixed(1)}e6 bars/s (${(seconds * 1000).toFixed(0)} ms)`;
}

function measure(title: string, strategy: object, columns: readonly BarColumns[], rounds: number): void {
  const names = columns.map((_, index) => `S${String(index).padStart(3, "0")}`);
  const spec = specOf(strategy, names);
  const datasets = columns.map((bars) => ({ bars, sha256: "0".repeat(64) }));
  const total = columns.reduce((sum, { rows }) => sum + rows, 0);
  const rules = compileRules(spec.strategy);
  const symbols = columns.map((bars, index): PortfolioSymbol => {
    return { symbol: names[index], bars, signals: rules.signals(bars), actions: [], rates: null };
  });
  const plan = {
    maxPositions: 10,
    weight: 0.1,
    maxWeight: 1,
    rankOrder: "descending" as const,
    rebalance: spec.strategy.portfolio?.rebalance ?? null,
  };
  const engine: number[] = [];
  const whole: number[] = [];
  let checksum = 0;
  for (let round = 0; round < rounds; round++) {
    engine.push(
      secondsOf(() => {
        checksum += runPortfolio(symbols, plan, settings).cash;
      }),
    );
    whole.push(secondsOf(() => executePortfolio({ spec, datasets })));
  }
  console.log(`${title}, ${strategy === CROSS ? "crosses" : "rotation"}: ${columns.length} symbols, ${total} bars`);
  console.log(
    `  engine ${rate(total, median(engine))}, whole ${rate(total, median(whole))}, checksum ${checksum.toFixed(2)}`,
  );
}

function beside(bars: BarColumns): void {
  const signals = compileRules(specOf(CROSS, ["A"]).strategy).signals(bars);
  const alone = { maxPositions: 1, weight: 1, maxWeight: 1, rankOrder: "descending" as const, rebalance: null };
  const [single, portfolio]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS * 2; round++) {
    single.push(secondsOf(() => runBacktest(bars, signals, settings)));
    portfolio.push(
      secondsOf(() => runPortfolio([{ symbol: "A", bars, signals, actions: [], rates: null }], alone, settings)),
    );
  }
  const ratio = median(single) / median(portfolio);
  console.log(
    `a portfolio of one has ${ratio.toFixed(2)} of the single engine's rate, ${rate(bars.rows, median(portfolio))}`,
  );
}

const [symbols = 100, rows = 100_000] = process.argv.slice(2).map(Number);
const folder = new URL("../../shared/data/universe-1d/", import.meta.url);
if (existsSync(folder)) {
  const files = readdirSync(folder).filter((name) => name.endsWith(".csv"));
  const columns = files.map((name) => parseCsv(readFileSync(new URL(name, folder)), name).bars);
  for (const strategy of [CROSS, ROTATION]) measure("real prices", strategy, columns, ROUNDS);
} else console.log("skipped: the real prices of ../shared/data/universe-1d are not here");
const columns = Array.from({ length: symbols }, (_, index) => randomBars(rows, index + 1, 0.01));
for (const strategy of [CROSS, ROTATION]) measure("random walks", strategy, columns, 3);
beside(randomBars(1_000_000, 1, 0.01));
