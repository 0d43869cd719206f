/** The bars that a training run learns from: cut to its range, by symbol and timeframe. */
import { DAY_MS } from "../../protocol/durations.ts";
import type { DataRequest, TrainSpec } from "../../protocol/operations/index.ts";
import { Problem } from "../../protocol/problem.ts";
import { testedBars } from "../backtest/index.ts";
import type { BarColumns } from "../market-data/bars.ts";
import type { ModelManifest } from "../models/index.ts";
import {
  type BarsByTimeframe,
  type ContextSeries,
  contextDatasets,
  contextSeries,
  resolveNeural,
} from "../strategy/index.ts";

export interface TrainingDataset {
  /** The whole dataset; the range is cut here. */
  readonly bars: BarColumns;
  readonly sha256: string;
}

export interface TrainingData {
  readonly bars: Readonly<Record<string, BarsByTimeframe>>;
  /** The model's own list of the data that it learnt from, in the order of the specification. */
  readonly learnt: ModelManifest["data"];
  /** Series of other symbols that indicators read: whole, as a bar counts for later ones alone. */
  readonly context: Readonly<Record<string, ContextSeries>>;
  readonly contextLearnt: ModelManifest["data"];
}

/**
 * `datasets` in the order of the specification's data. A range of the data wins over the strategy's `start_date` and
 * `end_date`, both inclusive. Throws a `Problem`: `invalid-request` for data that the strategy does not read or that is
 * named twice, `data-not-found` for a range without bars, `invalid-strategy` for a date that is none.
 */
export function trainingData(
  { strategy, data }: Pick<TrainSpec, "strategy" | "data">,
  datasets: readonly TrainingDataset[],
): TrainingData {
  const { symbols, timeframes } = resolveNeural(strategy);
  const range = strategyRange(strategy.training_data);
  const wanted = contextDatasets(strategy);
  const isContext = (asked: DataRequest) => wanted.some((dataset) => isSame(dataset, asked));
  const bars: Record<string, Record<string, BarColumns>> = {};
  const learnt: ModelManifest["data"] = [];
  for (const [index, asked] of data.entries()) {
    const { symbol, timeframe } = asked;
    if (data.findIndex((other) => isSame(other, asked)) < index) throw namedTwice(asked);
    if (!symbols.includes(symbol) || !timeframes.includes(timeframe)) {
      if (isContext(asked)) continue;
      throw notRead(asked, symbols, timeframes);
    }
    const cut = testedBars(datasets[index].bars, { ...range, ...asked });
    bars[symbol] = { ...bars[symbol], [timeframe]: cut };
    learnt.push(described(asked, cut, datasets[index].sha256));
  }
  const given = data.map((asked, index) => ({ ...asked, ...datasets[index] }));
  const contextLearnt = given.filter(isContext).map((asked) => described(asked, asked.bars, asked.sha256));
  return { bars, learnt, context: contextSeries(wanted, given), contextLearnt };
}

type Named = Pick<DataRequest, "symbol" | "timeframe">;

function isSame(left: Named, right: Named): boolean {
  return left.symbol === right.symbol && left.timeframe === right.timeframe;
}

function described({ symbol, timeframe }: Named, { timeMs, rows }: BarColumns, sha256: string) {
  return { symbol, timeframe, sha256, startMs: timeMs[0], endMs: timeMs[rows - 1], bars: rows };
}

function notRead(
  { symbol, timeframe }: DataRequest,
  symbols: readonly string[],
  timeframes: readonly string[],
): Problem {
  return new Problem("invalid-request", `The strategy does not read ${symbol} ${timeframe}.`, {
    cure: `Give ${symbols.join(", ")} in ${timeframes.join(", ")}, or add it to the strategy's training_data.`,
  });
}

function namedTwice({ symbol, timeframe }: DataRequest): Problem {
  return new Problem("invalid-request", `The data names ${symbol} ${timeframe} twice.`, {
    cure: "Remove one of them.",
  });
}

type Dates = Pick<TrainSpec["strategy"]["training_data"], "start_date" | "end_date">;

function strategyRange({ start_date: start, end_date: end }: Dates): Pick<DataRequest, "startMs" | "endMs"> {
  return {
    ...(start === undefined ? {} : { startMs: dayOf("start_date", start) }),
    // The last day counts whole; a time of day is meant as it stands.
    ...(end === undefined ? {} : { endMs: dayOf("end_date", end) + (end.includes("T") ? 0 : DAY_MS - 1) }),
  };
}

/** Milliseconds of a day's start, or of an ISO time. */
function dayOf(name: string, text: string): number {
  const isShaped = /^\d{4}-\d{2}-\d{2}(T[\d:.]+(Z|[+-]\d{2}:\d{2}))?$/.test(text);
  const timeMs = isShaped ? Date.parse(text) : Number.NaN;
  // Date.parse takes February 30 for March 1.
  const isReal = text.includes("T") || (timeMs >= 0 && new Date(timeMs).toISOString().startsWith(text));
  if (timeMs >= 0 && isReal) return timeMs;
  throw new Problem("invalid-strategy", `training_data.${name} is ${JSON.stringify(text)}, and that is no date.`, {
    cure: `Write a day, such as ${name}: "2020-01-31".`,
  });
}
