import type { Client } from "../../../client/client.ts";
import { MarketDataStore } from "../../../compute-node/market-data/index.ts";
import type { Context } from "../../terminal/context.ts";
import type { KnownDataset } from "./backtest-request.ts";
import type { BacktestOptions } from "./options.ts";

/**
 * Lists the datasets of this machine and, for a run on the fleet, those that its nodes announce. Empty when the options
 * name both symbol and timeframe.
 */
export async function knownDatasets(
  context: Context,
  options: Pick<BacktestOptions, "symbol" | "timeframe">,
  client: Client | null,
): Promise<KnownDataset[]> {
  if (options.symbol !== undefined && options.timeframe !== undefined) return [];
  const known = new Map<string, KnownDataset>();
  const add = ({ symbol, timeframe }: KnownDataset): unknown =>
    known.set(`${symbol} ${timeframe}`, { symbol, timeframe });
  for (const manifest of await new MarketDataStore(context.home.data).list()) add(manifest);
  for (const worker of client === null ? [] : (await client.listWorkers()).workers)
    worker.capabilities.datasets.forEach(add);
  return [...known.values()].sort((a, b) => a.symbol.localeCompare(b.symbol));
}
