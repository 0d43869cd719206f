/**
 * Fifty backtests of random walks, whose figures `ENGINE_VERSION` stands for: rules and scripts, each with costs, sizes and
 * conventions of its own. Formats and warnings are left out, since they have versions of their own.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { bundleStrategy } from "../../cli/strategy/strategy-bundle.ts";
import { executeBacktest } from "../../compute-node/backtest/index.ts";
import { randomBars } from "../../compute-node/backtest/testing/random-cases.ts";
import { parseRuleStrategyFile } from "../../compute-node/strategy/index.ts";
import { BACKTESTING_PY_CONVENTIONS } from "../../protocol/conventions.ts";
import { SCRIPT_KIND } from "../../protocol/index.ts";
import { type BacktestSettings, backtestSpec } from "../../protocol/operations/index.ts";

const BARS = 600;
const VOLATILITY = 0.02;
const RESULTS = 50;

const read = (name: string): string => readFileSync(new URL(`strategies/${name}`, import.meta.url), "utf8");
const rules = (name: string) => parseRuleStrategyFile(read(`${name}.yaml`), `${name}.yaml`);
const script = async (name: string) => {
  const { source } = await bundleStrategy(fileURLToPath(new URL(`strategies/${name}.ts`, import.meta.url)));
  return { kind: SCRIPT_KIND, name, source };
};

const STRATEGIES = [
  () => rules("sma-cross"),
  () => rules("ema-cross-brackets"),
  () => rules("rsi-reversion"),
  () => script("sma-cross"),
  () => script("breakout-bracket"),
];

/** Seven, beside five strategies: all pairs come up. */
const SETTINGS: readonly Partial<BacktestSettings>[] = [
  {},
  { commissionRate: 0.001, slippageRate: 0.0005 },
  { commissionFixed: 2, commissionMinimum: 5, spreadRate: 0.001 },
  { margin: 0.2, maintenanceMargin: 0.1, financingRate: 0.05, shortBorrowRate: 0.03 },
  { fractionalUnits: true, fillAt: "close" },
  { lotSize: 0.1, commissionPerUnit: 0.01, tickSize: 0.05 },
  { ...BACKTESTING_PY_CONVENTIONS, commissionRate: 0.002 },
];

/** SHA-256 over all results, in their order. */
export async function engineResultsSha256(): Promise<string> {
  const hash = createHash("sha256");
  for (let index = 0; index < RESULTS; index++) {
    const spec = backtestSpec.parse({
      kind: "backtest",
      strategy: await STRATEGIES[index % STRATEGIES.length](),
      data: { symbol: "WALK", timeframe: "1d" },
      settings: SETTINGS[index % SETTINGS.length],
    });
    const bars = randomBars(BARS, index + 1, VOLATILITY);
    const { result } = executeBacktest({ spec, bars, dataSha256: "0".repeat(64) });
    const { format: _format, warnings: _warnings, hashes: _hashes, settings: _settings, ...figures } = result;
    hash.update(JSON.stringify(figures));
  }
  return hash.digest("hex");
}
