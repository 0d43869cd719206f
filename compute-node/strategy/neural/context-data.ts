/** The datasets behind `context_data`: prices of other symbols that indicators read beside the traded one's. */
import { Problem } from "../../../protocol/problem.ts";
import type { NeuralStrategy } from "../../../protocol/strategy-neural.ts";
import type { BarColumns } from "../../market-data/bars.ts";
import { timeframeMs } from "../../market-data/timeframe.ts";
import { sourcesOf } from "./context.ts";
import type { ContextSeries } from "./features.ts";
import { resolveNeural } from "./resolve.ts";

/** One dataset, and the id that `data_source` names it by. */
export interface ContextDataset {
  readonly id: string;
  readonly symbol: string;
  readonly timeframe: string;
}

/** The timeframe of an entry that names none, as in ktrdr (Python). */
const USUAL_TIMEFRAME = "1h";

/**
 * Lists the datasets of `context_data` that indicators read, in its order. Throws a `Problem` (`invalid-strategy`) for
 * a provider that is asked over the network, an alignment other than forward_fill, and two entries of one symbol.
 */
export function contextDatasets(strategy: NeuralStrategy): ContextDataset[] {
  const { indicators } = resolveNeural(strategy);
  const read = new Set([...indicators.values()].flatMap(({ dataSource }) => dataSource ?? []));
  const entries = (strategy.context_data ?? []).filter((entry) => sourcesOf(entry).some((id) => read.has(id)));
  const datasets = entries.map(({ provider, alignment, symbol, timeframe }) => {
    if (provider !== "ib" || symbol === undefined) throw notFetched(provider);
    if (alignment !== "forward_fill") throw notAligned(alignment);
    return { id: symbol, symbol, timeframe: timeframe ?? USUAL_TIMEFRAME };
  });
  const twice = datasets.find(({ id }, k) => datasets.findIndex((other) => other.id === id) < k);
  if (twice !== undefined) throw namedTwice(twice.id);
  return datasets;
}

/** The given bars, by symbol and timeframe. */
interface GivenBars {
  readonly symbol: string;
  readonly timeframe: string;
  readonly bars: BarColumns;
}

/**
 * Series for `computeFeatures`: a bar counts once it has closed. Throws a `Problem` (`data-not-found`) for a dataset that is
 * not among those given.
 */
export function contextSeries(
  datasets: readonly ContextDataset[],
  given: readonly GivenBars[],
): Record<string, ContextSeries> {
  return Object.fromEntries(
    datasets.map(({ id, symbol, timeframe }) => {
      const found = given.find((other) => other.symbol === symbol && other.timeframe === timeframe);
      if (found !== undefined) return [id, { bars: found.bars, delayMs: timeframeMs(timeframe) }];
      throw new Problem("data-not-found", `The strategy reads ${symbol} ${timeframe} as context, which is not given.`, {
        cure: `Give ${symbol} ${timeframe} among the data.`,
      });
    }),
  );
}

function notFetched(provider: string): Problem {
  return new Problem("invalid-strategy", `context_data of provider ${provider} is not fetched by ktrdr.`, {
    cure: "Store the series as a symbol with `ktrdr data load`, and name it in an entry with provider: ib and symbol.",
  });
}

function notAligned(alignment: string): Problem {
  return new Problem("invalid-strategy", `context_data cannot be aligned by ${alignment}.`, {
    cure: "Write alignment: forward_fill, or leave it out.",
  });
}

function namedTwice(id: string): Problem {
  return new Problem("invalid-strategy", `context_data names ${id} twice: data_source cannot tell which is meant.`, {
    cure: "Keep one of the entries.",
  });
}
