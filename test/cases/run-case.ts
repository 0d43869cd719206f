/**
 * Runs a case of `cases.json` as a person would: its CSV file as `ktrdr data load` reads it, its strategy as
 * `ktrdr backtest --local` runs it with the words of `options`, all in this process.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { stringify } from "yaml";
import { z } from "zod";
import { dataRequestOf, settingsOf } from "../../cli/commands/backtest/backtest-request.ts";
import { backtestCommand } from "../../cli/commands/backtest/command.ts";
import type { BacktestOptions } from "../../cli/commands/backtest/options.ts";
import { commanderOption } from "../../cli/commands/declare.ts";
import { loadAnyStrategy } from "../../cli/strategy/strategy-source.ts";
import { executeBacktest, indicatorsOf, loadScript, parametersOf } from "../../compute-node/backtest/index.ts";
import { indicatorColumns } from "../../compute-node/backtest/script/indicators.ts";
import { type BarColumns, loadFile } from "../../compute-node/market-data/index.ts";
import { executePortfolio } from "../../compute-node/portfolio/index.ts";
import { parseRuleStrategyFile, type Strategy } from "../../compute-node/strategy/index.ts";
import { backtestSpec, portfolioSpec, type ScriptSource } from "../../protocol/index.ts";

const HERE = import.meta.dirname;

const tradeCase = z.strictObject({
  symbol: z.string().optional(),
  /** Negative for a short. */
  units: z.number(),
  /** Bars are counted from 0. */
  entryBar: z.int(),
  entryPrice: z.number(),
  exitBar: z.int(),
  exitPrice: z.number(),
  reason: z.string(),
  commission: z.number().optional(),
});

const caseFile = z.strictObject({
  cases: z.array(
    z.strictObject({
      name: z.string(),
      /** The arithmetic behind `expected`, by hand. */
      why: z.string(),
      /** A file in `csv/`; for a portfolio one for each symbol. */
      csv: z.union([z.string(), z.record(z.string(), z.string())]),
      load: z.strictObject({ allowNonPositive: z.boolean().optional() }).optional(),
      /** A file in `strategies/`, or rules. */
      strategy: z.union([z.string(), z.record(z.string(), z.unknown())]),
      /** The words behind `ktrdr backtest strategy`. */
      options: z.string().optional(),
      /** Only what is named is compared. */
      expected: z.strictObject({
        trades: z.array(tradeCase).optional(),
        /** At the last bar, money. */
        equity: z.number().optional(),
        /** Refused entries by reason; reasons that are not named have none. */
        refusals: z.record(z.string(), z.int()).optional(),
        /** Counts of the named codes; 0 for one that must not be there. */
        warnings: z.record(z.string(), z.int()).optional(),
        /** A part of the message of a warning, by its code. */
        messages: z.record(z.string(), z.string()).optional(),
        /** Values at the last bar; of a script only. */
        indicators: z.record(z.string(), z.number()).optional(),
        /** Statistics; also those of the benchmark, such as `benchmark.sharpeRatio`. */
        statistics: z.record(z.string(), z.number().nullable()).optional(),
      }),
    }),
  ),
});
export type EngineCase = z.infer<typeof caseFile>["cases"][number];

/** The same figures as `expected`, from the run. */
export interface Outcome {
  readonly trades: readonly z.infer<typeof tradeCase>[];
  readonly equity: number;
  readonly refusals: Readonly<Record<string, number>>;
  readonly warnings: readonly { readonly code: string; readonly message: string; readonly count: number }[];
  readonly indicators: Readonly<Record<string, number>>;
  readonly statistics: Readonly<Record<string, unknown>>;
}

export function engineCases(): EngineCase[] {
  return caseFile.parse(JSON.parse(readFileSync(join(HERE, "cases.json"), "utf8"))).cases;
}

export async function runCase({ csv, load = {}, strategy, options = "", ...named }: EngineCase): Promise<Outcome> {
  const given = optionsOf(options);
  const loaded = typeof strategy === "string" ? await strategyOf(strategy) : rulesOf(named.name, strategy);
  if (typeof csv !== "string") return runOnAccount(csv, load, loaded, given);
  const { bars } = await loadFile(join(HERE, "csv", csv), load);
  const spec = backtestSpec.parse({
    kind: "backtest",
    strategy: loaded,
    parameters: { ...given.set },
    data: dataRequestOf(given, "CASE", "1d"),
    settings: settingsOf(given),
  });
  const { result } = executeBacktest({ spec, bars, dataSha256: "0".repeat(64) });
  return {
    trades: result.trades.map(tradeOf),
    equity: Number(result.statistics.equityFinal),
    refusals: countsOf(result.refusals),
    warnings: result.warnings,
    indicators: loaded.kind === "script" ? lastValues(loaded, given.set ?? {}, bars) : {},
    statistics: { ...result.statistics, ...prefixed(result.benchmark) },
  };
}

/** The options of `ktrdr backtest`, parsed from their words as the command does. */
function optionsOf(words: string): BacktestOptions {
  const command = new Command().exitOverride();
  for (const option of backtestCommand.options ?? []) command.addOption(commanderOption(option));
  return command
    .parse(
      words.split(" ").filter((word) => word !== ""),
      { from: "user" },
    )
    .opts();
}

const strategies = new Map<string, Promise<Strategy | ScriptSource>>();

/** Each file is bundled once. */
function strategyOf(file: string): Promise<Strategy | ScriptSource> {
  const known = strategies.get(file) ?? loadAnyStrategy(join(HERE, "strategies", file)).then((made) => made.strategy);
  strategies.set(file, known);
  return known;
}

function rulesOf(name: string, rules: Readonly<Record<string, unknown>>): Strategy {
  return parseRuleStrategyFile(stringify({ name: name.slice(0, 100), ...rules }), "cases.json");
}

async function runOnAccount(
  csv: Readonly<Record<string, string>>,
  load: NonNullable<EngineCase["load"]>,
  strategy: Strategy | ScriptSource,
  given: BacktestOptions,
): Promise<Outcome> {
  const spec = portfolioSpec.parse({
    kind: "portfolio",
    strategy,
    parameters: { ...given.set },
    data: Object.keys(csv).map((symbol) => dataRequestOf(given, symbol, "1d")),
    settings: settingsOf(given),
  });
  const datasets = await Promise.all(
    Object.values(csv).map(async (file) => {
      const { bars } = await loadFile(join(HERE, "csv", file), load);
      return { bars, sha256: "0".repeat(64) };
    }),
  );
  const { result } = executePortfolio({ spec, datasets });
  return {
    trades: result.trades.map((trade) => ({ symbol: trade.symbol, ...tradeOf(trade) })),
    equity: Number(result.statistics.equityFinal),
    refusals: countsOf(result.refusals),
    warnings: result.warnings,
    indicators: {},
    statistics: { ...result.statistics, ...prefixed(result.benchmark) },
  };
}

interface ResultTrade {
  readonly size: number;
  readonly entryBar: number;
  readonly entryPrice: number;
  readonly exitBar: number;
  readonly exitPrice: number;
  readonly exitReason: string;
  readonly commission: number;
}

function tradeOf({ size, entryBar, entryPrice, exitBar, exitPrice, exitReason, commission }: ResultTrade) {
  return { units: size, entryBar, entryPrice, exitBar, exitPrice, reason: exitReason, commission };
}

/** Reasons in the spelling of the wire, without those that did not occur. */
function countsOf(refusals: Readonly<Record<string, number>>): Record<string, number> {
  const named = Object.entries(refusals).map(([reason, count]): [string, number] => [
    reason.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    count,
  ]);
  return Object.fromEntries(named.filter(([, count]) => count > 0));
}

function prefixed(benchmark: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(benchmark).map(([key, value]) => [`benchmark.${key}`, value]));
}

function lastValues(
  source: ScriptSource,
  set: Readonly<Record<string, number>>,
  bars: BarColumns,
): Record<string, number> {
  const script = loadScript(source);
  const { columns } = indicatorColumns(bars, indicatorsOf(script, parametersOf(script, set)));
  return Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, values[bars.rows - 1]]));
}
