/**
 * The calls that `old-and-new.ts` times, on the engines of any checkout.
 *
 * It reaches the checkout through the doors of its rooms alone, so that it can time a build from before or after a
 * move. Import it once for each build, with another query in its address: then each build has its own functions here
 * too, and what the compiler learns of one build's calls does not slow another's.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { BarColumns } from "../../compute-node/market-data/bars.ts";

/** Work that is ready to run. */
export interface EngineCall {
  run(): unknown;
  /** SHA-256 of a run's result: two builds with the same bits give the same text. */
  resultSha256(): string;
}

export interface Measure {
  readonly name: string;
  /** Bars of one call. */
  readonly rows: number;
  /** Throws where this build cannot do the work. */
  prepare(): EngineCall;
}

/** `rows` bars of a seed. All builds read the same memory. */
export type Walk = (rows: number, seed: number) => BarColumns;

type Build = Awaited<ReturnType<typeof importBuild>>;

const ROWS = [10_000, 200_000];
const SYMBOLS = 10;
const SEED = 7;

async function importBuild(checkout: string) {
  const at = (path: string) => pathToFileURL(join(checkout, path)).href;
  type Backtest = typeof import("../../compute-node/backtest/index.ts");
  type Portfolio = typeof import("../../compute-node/portfolio/index.ts");
  type Rules = typeof import("../../compute-node/strategy/index.ts");
  type Protocol = typeof import("../../protocol/index.ts");
  return {
    backtest: (await import(at("compute-node/backtest/index.ts"))) as Backtest,
    portfolio: (await import(at("compute-node/portfolio/index.ts"))) as Portfolio,
    rules: (await import(at("compute-node/strategy/index.ts"))) as Rules,
    protocol: (await import(at("protocol/index.ts"))) as Protocol,
  };
}

/** Each build parses the settings itself: another build may have settings that this one does not know. */
function settingsOf({ protocol }: Build) {
  return protocol.backtestSettings.parse({
    initialCapital: 1e6,
    commissionRate: 0.001,
    fractionalUnits: true,
    finalizeTrades: false,
  });
}

function compiledRules({ protocol, rules }: Build) {
  const strategy = protocol.ruleStrategy.parse({
    kind: "rules",
    name: "SMA 20/50",
    indicators: { fast: { type: "sma", period: 20 }, slow: { type: "sma", period: 50 } },
    entries: { long: "fast > slow" },
    exits: { long: "fast <= slow" },
  });
  return rules.compileRules(strategy, {});
}

/** The work of a sweep for each parameter set: signals, fills, and the few figures of a summary. */
function prepareSummary(build: Build, bars: BarColumns): EngineCall {
  const { backtest, rules } = build;
  const [settings, compiled] = [settingsOf(build), compiledRules(build)];
  const scratch = new rules.SignalScratch();
  const trades = new backtest.TradeLog();
  const market = backtest.prepareMarket(bars);
  const run = () => backtest.summarizeBacktest(market, compiled.signals(market.bars, scratch), settings, trades);
  return { run, resultSha256: () => sha256(JSON.stringify(run())) };
}

function prepareScript(build: Build, bars: BarColumns): EngineCall {
  const { backtest } = build;
  const settings = settingsOf(build);
  const scratch = new backtest.ColumnScratch();
  const cross = backtest.defineStrategy({
    parameters: { fast: 20, slow: 50 },
    indicators: ({ fast, slow }) => ({ fast: ["sma", { period: fast }], slow: ["sma", { period: slow }] }),
    onBar({ indicators: { fast, slow }, position, buy, close }) {
      if (fast.now > slow.now) {
        if (position.size === 0) buy();
      } else if (position.size > 0) close();
    },
  });
  const run = () => backtest.runScript(bars, cross, settings, {}, undefined, scratch);
  const resultSha256 = () => {
    const { equity, cash, trades } = run();
    return sha256(equity, JSON.stringify([cash, trades.count]));
  };
  return { run, resultSha256 };
}

function preparePortfolio(build: Build, walk: Walk, rows: number): EngineCall {
  const [settings, compiled] = [settingsOf(build), compiledRules(build)];
  const symbols = Array.from({ length: SYMBOLS }, (_, index) => {
    const bars = walk(rows / SYMBOLS, SEED + index);
    return { symbol: `S${index}`, bars, signals: compiled.signals(bars), actions: [], rates: null };
  });
  const rebalance = { every: 20, weights: "equal", select: "held", band: 0.01, volatility_bars: 20 } as const;
  const plan = { maxPositions: 5, weight: 0.2, maxWeight: 1, rankOrder: "descending" as const, rebalance };
  const run = () => build.portfolio.runPortfolio(symbols, plan, settings);
  const resultSha256 = () => {
    const { equity, cash, trades } = run();
    // Two builds may write a trade's fields in another order.
    const fields = trades.map((trade) => Object.entries(trade).sort());
    return sha256(equity, JSON.stringify([cash, fields]));
  };
  return { run, resultSha256 };
}

function sha256(...parts: readonly (string | Uint8Array | Float64Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

/** Every measure, on the build in `checkout` (an absolute path). Throws where the checkout has no such rooms. */
export async function importMeasures(checkout: string, walk: Walk): Promise<Measure[]> {
  const build = await importBuild(checkout);
  return ROWS.flatMap((rows) => [
    { name: `summary of rules, ${rows} bars`, rows, prepare: () => prepareSummary(build, walk(rows, SEED)) },
    { name: `script, ${rows} bars`, rows, prepare: () => prepareScript(build, walk(rows, SEED)) },
    { name: `portfolio of ${SYMBOLS}, ${rows} bars`, rows, prepare: () => preparePortfolio(build, walk, rows) },
  ]);
}
