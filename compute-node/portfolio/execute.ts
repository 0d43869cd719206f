/** Runs a portfolio: from its specification and bars to the artefact's bytes. Job threads and `--local` call it. */
import { crc32 } from "node:zlib";
import { type DataRequest, datasetsOf, type PortfolioSpec } from "../../protocol/operations/index.ts";
import { Problem } from "../../protocol/problem.ts";
import { encodePortfolioResult, type PortfolioResult } from "../../results/index.ts";
import { requireSoundBars } from "../backtest/engine/sound-bars.ts";
import { type BacktestProgress, testedBars } from "../backtest/execute.ts";
import type { BarColumns } from "../market-data/bars.ts";
import { timeframeMs } from "../market-data/timeframe.ts";
import { hashOfDatasets, sha256Of, specificationHash } from "../provenance/index.ts";
import { type CompiledRules, compileRules } from "../strategy/index.ts";
import { signalsOver } from "./adjusted-signals.ts";
import { ratesFor } from "./conversion.ts";
import { placeActions } from "./corporate-actions.ts";
import { runPortfolio } from "./engine.ts";
import type { PortfolioPlan } from "./portfolio-model.ts";
import { portfolioResultOf, type ResultSymbol } from "./result.ts";

/** Raised with every change that may change a result's figures; the format's version covers their spelling. */
export const PORTFOLIO_ENGINE_VERSION = "ktrdr-portfolio-2";

interface PortfolioDataset {
  /** The whole dataset; the date range is cut here. */
  readonly bars: BarColumns;
  readonly sha256: string;
}

interface PortfolioRequest {
  /** Parsed, so with its defaults filled in. */
  readonly spec: PortfolioSpec;
  /** In the order of `datasetsOf(spec)`. */
  readonly datasets: readonly PortfolioDataset[];
  /** Called now and then, with the bars of all symbols; throwing from it stops the backtest. */
  readonly onProgress?: (progress: BacktestProgress) => void;
}

export interface PortfolioArtefact {
  readonly result: PortfolioResult;
  /** A ZIP archive (`artefact.ts`). */
  readonly bytes: Uint8Array;
  /** SHA-256 of `bytes`. */
  readonly sha256: string;
  /** The few figures that lists show, in wire spelling. */
  readonly summary: Record<string, unknown>;
}

const PHASE_START = { signals: 0, bars: 0.5, statistics: 0.7, encoding: 0.8 } as const;

/**
 * Pure: the same specification, data and engine version give the same bytes on every machine, in whatever order the
 * symbols stand. Bars before the range are not seen, also not by indicators.
 *
 * @throws Problem `invalid-request` for symbols, currencies or actions that do not fit together, `data-not-found` for a
 * range without bars or a missing rate, `invalid-data` for bars that the store would not take, `invalid-strategy`
 */
export function executePortfolio({ spec, datasets, onProgress }: PortfolioRequest): PortfolioArtefact {
  const report = (phase: BacktestProgress["phase"], bars: number) =>
    onProgress?.({ phase, fraction: PHASE_START[phase], bars });
  checkSpec(spec);
  const rules = compileRules(spec.strategy, spec.parameters, spec.settings.crosses);
  report("signals", 0);
  let actionsOutside = 0;
  const symbols = spec.data.map((data, index): ResultSymbol => {
    const { symbol, outside } = symbolOf(spec, rules, data, datasets, index);
    actionsOutside += outside;
    onProgress?.({ phase: "signals", fraction: (PHASE_START.bars * (index + 1)) / spec.data.length, bars: 0 });
    return symbol;
  });
  symbols.sort((a, b) => (a.symbol < b.symbol ? -1 : 1));
  const total = symbols.reduce((sum, { bars }) => sum + bars.rows, 0);
  const share = PHASE_START.statistics - PHASE_START.bars;
  const run = runPortfolio(symbols, planOf(spec, rules), spec.settings, (done) =>
    onProgress?.({
      phase: "bars",
      fraction: PHASE_START.bars + share * Math.min(1, done / total),
      bars: Math.min(done, total),
    }),
  );
  requireFinite(run.equity);
  report("statistics", total);
  const hashes = {
    spec: specificationHash(spec),
    data: hashOfDatasets(datasetsOf(spec).map((data, index) => ({ ...data, sha256: datasets[index].sha256 }))),
    engine: sha256Of(PORTFOLIO_ENGINE_VERSION),
  };
  const result = portfolioResultOf(run, { spec, symbols, parameters: rules.parameters, hashes, actionsOutside });
  report("encoding", total);
  const bytes = encodePortfolioResult(result, crc32);
  return { result, bytes, sha256: sha256Of(bytes), summary: summaryOf(result) };
}

/** Only prices, rates or settings of an absurd size lead beyond numbers. */
function requireFinite(equity: Float64Array): void {
  const bad = equity.findIndex((money) => !Number.isFinite(money));
  if (bad < 0) return;
  throw new Problem("invalid-data", `The equity at moment ${bad} is ${equity[bad]}, which no result can hold.`, {
    cure: "Look for prices, rates, splits or settings of an absurd size.",
  });
}

/** Each symbol once, one timeframe, and nothing that names a symbol or currency that is not there. */
function checkSpec({ data, actions, currencies, conversions, accountCurrency }: PortfolioSpec): void {
  const names = new Set<string>();
  for (const { symbol, timeframe } of data) {
    if (names.has(symbol)) throw refused(`${symbol} is asked for twice`, "Name each symbol once.");
    names.add(symbol);
    if (timeframe !== data[0].timeframe)
      throw refused(
        `${symbol} has ${timeframe} bars and ${data[0].symbol} ${data[0].timeframe} ones`,
        "Ask for one timeframe; rules can read longer ones, such as close@1d.",
      );
  }
  for (const { symbol } of [...actions, ...currencies]) {
    if (!names.has(symbol)) throw refused(`${symbol} is not among the symbols`, `They are ${[...names].join(", ")}.`);
  }
  const known = [accountCurrency, ...conversions.map(({ currency }) => currency)];
  for (const { symbol, currency } of currencies) {
    if (!known.includes(currency))
      throw refused(
        `${symbol} is quoted in ${currency}, and nothing converts that to ${accountCurrency}`,
        `Add a conversion, such as --convert ${currency}=${currency}${accountCurrency}.`,
      );
  }
}

function refused(what: string, cure: string): Problem {
  return new Problem("invalid-request", `A portfolio cannot run: ${what}.`, { cure });
}

function symbolOf(
  spec: PortfolioSpec,
  rules: CompiledRules,
  data: DataRequest,
  datasets: readonly PortfolioDataset[],
  index: number,
): { symbol: ResultSymbol; outside: number } {
  const { symbol } = data;
  const bars = testedBars(datasets[index].bars, data);
  const { actions, outside } = placeActions(
    spec.actions.filter((action) => action.symbol === symbol),
    bars,
  );
  const currency = spec.currencies.find((entry) => entry.symbol === symbol)?.currency ?? spec.accountCurrency;
  const signals = signalsOver(rules, bars, actions, spec.adjustment);
  const rates = ratesOf(spec, currency, data, bars, datasets);
  return { symbol: { symbol, bars, signals, actions, rates, currency, sha256: datasets[index].sha256 }, outside };
}

function ratesOf(
  { conversions, accountCurrency, data: { length: symbols } }: PortfolioSpec,
  currency: string,
  { symbol, timeframe }: DataRequest,
  bars: BarColumns,
  datasets: readonly PortfolioDataset[],
): ResultSymbol["rates"] {
  if (currency === accountCurrency) return null;
  const index = conversions.findIndex((conversion) => conversion.currency === currency);
  const { data, isInverse } = conversions[index];
  const name = `${data.symbol} ${data.timeframe}`;
  const rates = datasets[symbols + index].bars;
  requireSoundBars(rates, name);
  const series = { name, bars: rates, barMs: timeframeMs(data.timeframe), isInverse };
  return ratesFor(symbol, bars, timeframeMs(timeframe), series);
}

function planOf({ strategy, data }: PortfolioSpec, rules: CompiledRules): PortfolioPlan {
  const maxPositions = strategy.portfolio?.max_positions ?? data.length;
  return {
    maxPositions,
    weight: rules.weight ?? 1 / maxPositions,
    maxWeight: rules.maxWeight,
    rankOrder: strategy.portfolio?.rank_order ?? "descending",
    rebalance: strategy.portfolio?.rebalance ?? null,
  };
}

function summaryOf({ statistics, bars, symbols, hashes }: PortfolioResult): Record<string, unknown> {
  return {
    return_percent: statistics.returnPercent,
    sharpe_ratio: statistics.sharpeRatio,
    max_drawdown_percent: statistics.maxDrawdownPercent,
    trade_count: statistics.tradeCount,
    equity_final: statistics.equityFinal,
    bars,
    symbols: symbols.length,
    spec_sha256: hashes.spec,
    data_sha256: hashes.data,
    engine_sha256: hashes.engine,
  };
}
