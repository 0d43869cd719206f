/**
 * One turn of `old-and-new.ts`: `node engines.ts CHECKOUT` times the engines of that checkout and prints one JSON line.
 *
 * It reaches the checkout through the doors of its rooms alone, so that it can time a build from before or after a move.
 */
import { createHash } from "node:crypto";
import { resolve } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { median } from "../measure.ts";
import { randomWalk } from "../random-walk.ts";

const checkout = pathToFileURL(`${resolve(process.argv[2] ?? ".")}/`);
const at = (path: string) => new URL(path, checkout).href;
const backtest = (await import(
  at("compute-node/backtest/index.ts")
)) as typeof import("../../compute-node/backtest/index.ts");
const portfolio = (await import(
  at("compute-node/portfolio/index.ts")
)) as typeof import("../../compute-node/portfolio/index.ts");
const rules = (await import(
  at("compute-node/strategy/index.ts")
)) as typeof import("../../compute-node/strategy/index.ts");
const protocol = (await import(at("protocol/index.ts"))) as typeof import("../../protocol/index.ts");

const ROWS = [10_000, 200_000];
const SYMBOLS = 10;
const SEED = 7;
const WARM_UP_MS = 700;
const SAMPLE_MS = 80;
const SAMPLES = 7;

const costs = { initialCapital: 1e6, commissionRate: 0.001, fractionalUnits: true, finalizeTrades: false };
const settings = protocol.backtestSettings.parse(costs);
const strategy = protocol.ruleStrategy.parse({
  kind: "rules",
  name: "SMA 20/50",
  indicators: { fast: { type: "sma", period: 20 }, slow: { type: "sma", period: 50 } },
  entries: { long: "fast > slow" },
  exits: { long: "fast <= slow" },
});
const cross = backtest.defineStrategy({
  parameters: { fast: 20, slow: 50 },
  indicators: ({ fast, slow }) => ({ fast: ["sma", { period: fast }], slow: ["sma", { period: slow }] }),
  onBar({ indicators: { fast, slow }, position, buy, close }) {
    if (fast.now > slow.now) {
      if (position.size === 0) buy();
    } else if (position.size > 0) close();
  },
});

/** Milliseconds of processor time, of all threads of this process. */
function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** The median processor time of a call in nanoseconds a bar, after a warm-up. */
function time(work: () => unknown, rows: number): number {
  const start = processorMs();
  let calls = 0;
  do {
    work();
    calls++;
  } while (processorMs() - start < WARM_UP_MS);
  const perSample = Math.max(1, Math.round((calls * SAMPLE_MS) / (processorMs() - start)));
  const samples = Array.from({ length: SAMPLES }, () => {
    const begin = processorMs();
    for (let call = 0; call < perSample; call++) work();
    return (processorMs() - begin) / perSample;
  });
  return (median(samples) * 1e6) / rows;
}

/** The bits of the engines' results, so that two builds can be compared. */
const results = createHash("sha256");
const nanoseconds: Record<string, number> = {};

/** The work of a sweep for each parameter set: signals, fills, and the few figures of a summary. */
function timeSummary(rows: number): void {
  const compiled = rules.compileRules(strategy, {});
  const scratch = new rules.SignalScratch();
  const trades = new backtest.TradeLog();
  const market = backtest.prepareMarket(randomWalk(rows, SEED));
  const run = () => backtest.summarizeBacktest(market, compiled.signals(market.bars, scratch), settings, trades);
  nanoseconds[`summary of rules, ${rows} bars`] = time(run, rows);
  results.update(JSON.stringify(run()));
}

function timeScript(rows: number): void {
  const bars = randomWalk(rows, SEED);
  const scratch = new backtest.ColumnScratch();
  const run = () => backtest.runScript(bars, cross, settings, {}, undefined, scratch);
  nanoseconds[`script, ${rows} bars`] = time(run, rows);
  const { equity, cash, trades } = run();
  results.update(equity).update(JSON.stringify([cash, trades.count]));
}

function timePortfolio(rows: number): void {
  const compiled = rules.compileRules(strategy, {});
  const symbols = Array.from({ length: SYMBOLS }, (_, index) => {
    const bars = randomWalk(rows / SYMBOLS, SEED + index);
    return { symbol: `S${index}`, bars, signals: compiled.signals(bars), actions: [], rates: null };
  });
  const rebalance = { every: 20, weights: "equal", select: "held", band: 0.01, volatility_bars: 20 } as const;
  const plan = { maxPositions: 5, weight: 0.2, maxWeight: 1, rankOrder: "descending" as const, rebalance };
  const run = () => portfolio.runPortfolio(symbols, plan, settings);
  nanoseconds[`portfolio of ${SYMBOLS}, ${rows} bars`] = time(run, rows);
  const { equity, cash, trades } = run();
  // Two builds may write a trade's fields in another order.
  const fields = trades.map((trade) => Object.entries(trade).sort());
  results.update(equity).update(JSON.stringify([cash, fields]));
}

for (const rows of ROWS) for (const measure of [timeSummary, timeScript, timePortfolio]) measure(rows);
console.log(JSON.stringify({ nanoseconds, results: results.digest("hex") }));
