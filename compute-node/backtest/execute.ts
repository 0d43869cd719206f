/** Runs a backtest: from its specification and bars to the artefact's bytes. Job threads and `--local` call it. */
import { crc32 } from "node:zlib";
import { BACKTEST_RESULT_FORMAT, type BacktestSpec, Problem } from "../../protocol/index.ts";
import { type BacktestResult, encodeBacktestResult, listOf } from "../../results/index.ts";
import { largeRates } from "../ledger/index.ts";
import { type BarColumns, sliceBars } from "../market-data/bars.ts";
import { sha256Of, specificationHash } from "../provenance/index.ts";
import type { RunCheckpoints } from "./engine/checkpoint.ts";
import { requireFiniteResult, requireSoundBars } from "./engine/sound-bars.ts";
import { prepareStrategy } from "./prepare-strategy.ts";
import type { FinishedRun } from "./statistics/finished-run.ts";
import { runDetails } from "./statistics/run-details.ts";
import { computeStatistics } from "./statistics/statistics.ts";
import { undefinedFigures } from "./statistics/undefined-statistics.ts";

/** Raised with every change that may change a result's figures; the format's version covers their spelling. */
export const ENGINE_VERSION = "ktrdr-backtest-4";

export interface BacktestRequest {
  /** Parsed, so with its defaults filled in. */
  readonly spec: BacktestSpec;
  /** The whole dataset; the date range is cut here. */
  readonly bars: BarColumns;
  /** The dataset's content hash; it stands in the result. */
  readonly dataSha256: string;
  /** Called now and then; throwing from it stops the backtest. */
  readonly onProgress?: (progress: BacktestProgress) => void;
  /** Takes each line that a strategy in TypeScript prints. */
  readonly onLog?: (line: string) => void;
  /** Without it a run cannot be taken up again. A script takes part where it declares its state. */
  readonly checkpoints?: RunCheckpoints;
}

export interface BacktestProgress {
  readonly phase: "signals" | "bars" | "statistics" | "encoding";
  /** Fraction of the whole backtest, 0 to 1. */
  readonly fraction: number;
  /** Bars that the engine has done. */
  readonly bars: number;
}

export interface BacktestArtefact {
  readonly result: BacktestResult;
  /** A ZIP archive; `decodeBacktestResult` reads it. */
  readonly bytes: Uint8Array;
  /** SHA-256 of `bytes`. */
  readonly sha256: string;
  /** The few figures that lists show, in wire spelling. */
  readonly summary: Record<string, unknown>;
}

/** The fraction of the whole at which each phase begins; the engine is fast and encoding is slow. */
const PHASE_START = { signals: 0, bars: 0.2, statistics: 0.5, encoding: 0.6 } as const;

/**
 * Pure: the same specification, data and engine version give the same bytes on every machine.
 * Bars before the range are not seen, also not by indicators.
 *
 * @throws Problem `data-not-found` for a range without bars; `invalid-data` for bars that the store would not take, and for
 *   figures beyond what a number holds; `invalid-strategy` for faults of the strategy; as `decodeCheckpoint`
 */
export function executeBacktest({
  spec,
  bars,
  dataSha256,
  onProgress,
  onLog,
  checkpoints,
}: BacktestRequest): BacktestArtefact {
  const report = (phase: BacktestProgress["phase"], done: number) =>
    onProgress?.({ phase, fraction: PHASE_START[phase], bars: done });
  const { parameters, run: runOn } = prepareStrategy(spec, onLog);
  const tested = testedBars(bars, spec.data);
  report("signals", 0);
  const barsShare = PHASE_START.statistics - PHASE_START.bars;
  const hashes = { spec: specificationHash(spec), data: dataSha256, engine: engineHash() };
  const onBars = (done: number) =>
    onProgress?.({ phase: "bars", fraction: PHASE_START.bars + (barsShare * done) / tested.rows, bars: done });
  const inputs = `${hashes.spec} ${hashes.data} ${hashes.engine}`;
  const run = runOn(tested, onBars, checkpoints === undefined ? undefined : { ...checkpoints, inputs });
  const { symbol, timeframe } = spec.data;
  return artefactOf({
    asked: { strategyName: spec.strategy.name, symbol, timeframe, settings: spec.settings },
    bars: tested,
    run,
    parameters: { ...parameters },
    hashes,
    ...(onProgress === undefined ? {} : { onProgress }),
  });
}

/** A finished run, from any source of signals. */
export interface BacktestRun {
  readonly asked: Pick<BacktestResult, "strategyName" | "symbol" | "timeframe" | "settings">;
  /** The tested ones. */
  readonly bars: BarColumns;
  readonly run: FinishedRun;
  readonly parameters: Record<string, number>;
  readonly hashes: BacktestResult["hashes"];
  readonly onProgress?: BacktestRequest["onProgress"];
}

/** Statistics, result and artefact of a run. Pure. */
export function artefactOf({ asked, bars, run, parameters, hashes, onProgress }: BacktestRun): BacktestArtefact {
  const report = (phase: BacktestProgress["phase"], fraction: number) =>
    onProgress?.({ phase, fraction, bars: bars.rows });
  report("statistics", PHASE_START.statistics);
  const statistics = computeStatistics(bars, run, run.warmupBars);
  const result = assemble(asked, bars, run, { parameters, statistics, hashes });
  requireFiniteResult(result);
  report("encoding", PHASE_START.encoding);
  const bytes = encodeBacktestResult(result, bars.timeMs, crc32);
  const artefact = { result, bytes, sha256: sha256Of(bytes), summary: summaryOf(result) };
  report("encoding", 1);
  return artefact;
}

/** SHA-256 of `ENGINE_VERSION`. */
export function engineHash(): string {
  return sha256Of(ENGINE_VERSION);
}

/** The bars of the range that was asked for. Throws a `Problem` (`data-not-found`) where there are none. */
export function testedBars(bars: BarColumns, data: BacktestSpec["data"]): BarColumns {
  const tested = sliceBars(bars, data.startMs, data.endMs);
  const name = `${data.symbol} ${data.timeframe}`;
  requireSoundBars(tested.rows > 0 ? tested : bars, name);
  if (tested.rows > 0) return tested;
  if (bars.rows === 0) {
    throw new Problem("data-not-found", `The dataset ${name} has no bars.`, { cure: "Load prices into it first." });
  }
  const [first, last] = [isoTime(bars.timeMs[0]), isoTime(bars.timeMs[bars.rows - 1])];
  const from = data.startMs === undefined ? "the beginning" : isoTime(data.startMs);
  const to = data.endMs === undefined ? "the end" : isoTime(data.endMs);
  throw new Problem(
    "data-not-found",
    `No bar of ${name} lies between ${from} and ${to}: its bars go from ${first} to ${last}.`,
    { cure: `Ask for a range within ${first} to ${last}.` },
  );
}

function isoTime(timeMs: number): string {
  return new Date(timeMs).toISOString().replace("T00:00:00.000Z", "").replace(".000Z", "Z");
}

function assemble(
  asked: BacktestRun["asked"],
  bars: BarColumns,
  run: FinishedRun,
  known: Pick<BacktestResult, "parameters" | "statistics" | "hashes">,
): BacktestResult {
  const { symbol, settings } = asked;
  const { fillAt, initialCapital } = settings;
  const details = runDetails(bars, run, { symbol, fillAt, initialCapital });
  return {
    format: BACKTEST_RESULT_FORMAT,
    ...asked,
    bars: bars.rows,
    ...known,
    ...details,
    equity: listOf(run.equity),
    warnings: [...largeRates(settings), ...run.warnings, ...undefinedFigures({ ...known, ...details })],
  };
}

function summaryOf({ statistics, bars, hashes }: BacktestResult): Record<string, unknown> {
  return {
    return_percent: statistics.returnPercent,
    sharpe_ratio: statistics.sharpeRatio,
    max_drawdown_percent: statistics.maxDrawdownPercent,
    trade_count: statistics.tradeCount,
    equity_final: statistics.equityFinal,
    bars,
    spec_sha256: hashes.spec,
    data_sha256: hashes.data,
    engine_sha256: hashes.engine,
  };
}
