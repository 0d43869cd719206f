/** Runs a backtest of a model, for job threads and `--local`. */

import type { BacktestSettings } from "../../protocol/operations/index.ts";
import { Problem } from "../../protocol/problem.ts";
import type { ResultWarning } from "../../protocol/warnings.ts";
import type { BacktestResult } from "../../results/index.ts";
import {
  artefactOf,
  type BacktestArtefact,
  type BacktestProgress,
  engineHash,
  runBacktest,
  testedBars,
} from "../backtest/index.ts";
import { type BarColumns, sliceBars } from "../market-data/bars.ts";
import { hashOfSeries, modelBacktestHash } from "../provenance/index.ts";
import { type BarsByTimeframe, type NeuralSignals, resolveNeural } from "../strategy/index.ts";
import type { Model } from "./model-file.ts";
import { type ModelSignalOptions, modelSignals } from "./model-signals.ts";

interface ModelBacktestRequest extends ModelSignalOptions {
  readonly model: Model;
  /** SHA-256 of the model's file. The result names it. */
  readonly modelSha256: string;
  readonly symbol: string;
  /** Whole datasets of every timeframe that the model reads; the range is cut here. */
  readonly bars: BarsByTimeframe;
  /** Content hashes of those datasets, by timeframe, and of context series, by id. */
  readonly dataSha256: Readonly<Record<string, string>>;
  /** Inclusive. */
  readonly startMs?: number;
  readonly endMs?: number;
  readonly settings: BacktestSettings;
  /** Called now and then; throwing from it stops the backtest. */
  readonly onProgress?: (progress: BacktestProgress) => void;
}

/** Where the engine's part begins and ends, as in a backtest of rules. */
const [BARS_START, BARS_END] = [0.2, 0.5];

/**
 * The same model, data and settings give the same bytes on every machine (on the CPU's exact kernels). Bars outside the
 * range are not seen, also not by indicators. Throws a `Problem` as `modelSignals` does, and `data-not-found` for a range
 * without bars.
 */
export async function executeModelBacktest(request: ModelBacktestRequest): Promise<BacktestArtefact> {
  const { model, symbol, settings, startMs, endMs, onProgress } = request;
  const { manifest } = model;
  const { baseTimeframe, timeframes } = resolveNeural(manifest.strategy);
  const range = {
    symbol,
    timeframe: baseTimeframe,
    ...(startMs === undefined ? {} : { startMs }),
    ...(endMs === undefined ? {} : { endMs }),
  };
  const base = request.bars[baseTimeframe];
  if (base === undefined)
    throw new Problem(
      "data-not-found",
      `The model decides on ${baseTimeframe} bars, and none of ${symbol} are given.`,
      {
        cure: `Load ${symbol} ${baseTimeframe} first.`,
      },
    );
  const tested = testedBars(base, range);
  const used = Object.fromEntries(
    timeframes
      .filter((name) => request.bars[name] !== undefined)
      .map((name) => [name, sliceBars(request.bars[name], startMs, endMs)]),
  );
  onProgress?.({ phase: "signals", fraction: 0, bars: 0 });
  const signals = await modelSignals(model, used, request);
  const result = runBacktest(tested, signals, settings, (bars) =>
    onProgress?.({ phase: "bars", fraction: BARS_START + ((BARS_END - BARS_START) * bars) / tested.rows, bars }),
  );
  const openLots = result.openPosition === null ? [] : [result.openPosition];
  const warnings = [...result.warnings, ...warningsOf(signals), ...inSample(model, symbol, tested)];
  const artefact = artefactOf({
    asked: { strategyName: manifest.name, symbol, timeframe: baseTimeframe, settings },
    bars: tested,
    run: { ...result, warnings, warmupBars: signals.warmupBars, openLots, signals },
    parameters: {},
    hashes: hashesOf(request),
    ...(onProgress === undefined ? {} : { onProgress }),
  });
  return { ...artefact, summary: { ...artefact.summary, model_sha256: request.modelSha256, holds: signals.holds } };
}

function hashesOf(request: ModelBacktestRequest): BacktestResult["hashes"] {
  return { spec: modelBacktestHash(request), data: hashOfSeries(request.dataSha256), engine: engineHash() };
}

/** Bars at which the network had nothing to go by. */
function warningsOf({ holds }: NeuralSignals): ResultWarning[] {
  const count = holds["output-undefined"];
  if (count === 0) return [];
  const message = `${count} bars after the warm-up have no features, or the network's answer is no number: they hold.`;
  return [{ code: "output-undefined", message, count }];
}

/** Tested bars that the network learnt from, or that chose its best epoch: results on them are no evidence. */
function inSample({ manifest }: Model, symbol: string, { timeMs, rows }: BarColumns): ResultWarning[] {
  const learnt = manifest.data.filter((data) => data.symbol === symbol);
  if (learnt.length === 0) return [];
  const firstMs = Math.min(...learnt.map(({ startMs }) => startMs));
  const lastMs = manifest.split?.testMs ?? Math.max(...learnt.map(({ endMs }) => endMs)) + 1;
  let count = 0;
  for (let row = 0; row < rows; row++) if (timeMs[row] >= firstMs && timeMs[row] < lastMs) count++;
  if (count === 0) return [];
  const until = new Date(lastMs).toISOString().slice(0, 10);
  const message = `${count} of ${rows} bars are before ${until}, which the model was trained or chosen on.`;
  return [{ code: "in-sample-bars", message, count }];
}
