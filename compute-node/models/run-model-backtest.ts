/** A model's backtest as it is asked for: the model's file and whole datasets in, a backtest's artefact out. */
import type { ModelBacktestSpec } from "../../protocol/operations/index.ts";
import { Problem } from "../../protocol/problem.ts";
import type { BacktestArtefact, BacktestProgress } from "../backtest/index.ts";
import type { BarColumns } from "../market-data/bars.ts";
import { sha256Of } from "../provenance/index.ts";
import { contextDatasets, contextSeries, resolveNeural } from "../strategy/index.ts";
import { executeModelBacktest } from "./model-backtest.ts";
import { decodeModel } from "./model-file.ts";

interface ModelBacktestInput {
  readonly spec: ModelBacktestSpec;
  /** In the order of the specification's data. */
  readonly datasets: readonly { readonly bars: BarColumns; readonly sha256: string }[];
  /** The model's file. */
  readonly model: Uint8Array;
  readonly onProgress?: (progress: BacktestProgress) => void;
}

/**
 * Throws a `Problem`: `invalid-data` for bytes that are not those of the model, `invalid-request` for data of several
 * symbols or that the model does not read, and what `decodeModel` and `executeModelBacktest` throw.
 */
export async function runModelBacktest({
  spec,
  datasets,
  model,
  onProgress,
}: ModelBacktestInput): Promise<BacktestArtefact> {
  requireBytes(model, spec.model.sha256);
  const decoded = decodeModel(model);
  const { strategy } = decoded.manifest;
  const { timeframes } = resolveNeural(strategy);
  const wanted = contextDatasets(strategy);
  const [{ symbol, startMs, endMs }] = spec.data;
  const bars: Record<string, BarColumns> = {};
  const dataSha256: Record<string, string> = {};
  for (const [index, asked] of spec.data.entries()) {
    const context = wanted.find((other) => other.symbol === asked.symbol && other.timeframe === asked.timeframe);
    if (context !== undefined) dataSha256[`context ${context.id}`] = datasets[index].sha256;
    const isTraded = asked.symbol === symbol && timeframes.includes(asked.timeframe);
    if (context !== undefined && !isTraded) continue;
    if (asked.symbol !== symbol)
      throw new Problem(
        "invalid-request",
        `The data names ${symbol} and ${asked.symbol}; a model's backtest takes one.`,
        {
          cure: "Submit one backtest a symbol.",
        },
      );
    if (!timeframes.includes(asked.timeframe) || bars[asked.timeframe] !== undefined)
      throw new Problem(
        "invalid-request",
        `The model reads ${timeframes.join(", ")}, each once; ${asked.timeframe} is too much.`,
        {
          cure: "Leave it out.",
        },
      );
    bars[asked.timeframe] = datasets[index].bars;
    dataSha256[asked.timeframe] = datasets[index].sha256;
  }
  const given = spec.data.map((asked, index) => ({ ...asked, ...datasets[index] }));
  const context = contextSeries(wanted, given);
  return executeModelBacktest({
    ...{ context, model: decoded, modelSha256: spec.model.sha256, symbol, bars, dataSha256, settings: spec.settings },
    ...(startMs === undefined ? {} : { startMs }),
    ...(endMs === undefined ? {} : { endMs }),
    ...(onProgress === undefined ? {} : { onProgress }),
  });
}

function requireBytes(bytes: Uint8Array, sha256: string): void {
  const found = sha256Of(bytes);
  if (found === sha256) return;
  throw new Problem("invalid-data", `The model's file has the SHA-256 ${found}, and ${sha256} was asked for.`, {
    cure: "Fetch the model again.",
  });
}
