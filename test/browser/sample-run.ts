/** A real backtest on prices that npm packages ship, for tests of drawings. */

import { readFileSync } from "node:fs";
import { executeBacktest } from "../../compute-node/backtest/index.ts";
import { contentHash, loadSample } from "../../compute-node/market-data/index.ts";
import { parseRuleStrategyFile } from "../../compute-node/strategy/index.ts";
import { backtestSpec } from "../../protocol/index.ts";
import type { BacktestResult } from "../../results/index.ts";

/** Runs a strategy of `examples/strategies` with a commission of 0.1 %. */
export async function sampleRun(
  sample: string,
  strategyFile: string,
  parameters: Record<string, number> = {},
): Promise<BacktestResult> {
  const text = readFileSync(new URL(`../../examples/strategies/${strategyFile}`, import.meta.url), "utf8");
  const { bars, symbol, timeframe } = await loadSample(sample);
  const spec = backtestSpec.parse({
    kind: "backtest",
    strategy: parseRuleStrategyFile(text, strategyFile),
    parameters,
    data: { symbol, timeframe },
    settings: { commissionRate: 0.001 },
  });
  return executeBacktest({ spec, bars, dataSha256: contentHash(bars) }).result;
}
