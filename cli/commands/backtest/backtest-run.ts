/** What `ktrdr backtest` does: gather the specification, run it on the fleet or here, show what came out. */
import { writeFile } from "node:fs/promises";
import { checkedInput } from "../../../client/checked-input.ts";
import type { Client } from "../../../client/client.ts";
import { auditBacktest, auditedText, findingText } from "../../../compute-node/backtest/index.ts";
import { MarketDataStore } from "../../../compute-node/market-data/index.ts";
import {
  type BacktestSpec,
  backtestResult,
  backtestSpec,
  type StrategyParameter,
  wire,
} from "../../../protocol/index.ts";
import { Problem } from "../../../protocol/problem.ts";
import { type Finished, runOnFleet } from "../../api/fleet-run.ts";
import { runHere } from "../../local/run-here.ts";
import { loadRunnable } from "../../strategy/strategy-source.ts";
import type { Context } from "../../terminal/context.ts";
import { issueText } from "../../terminal/problem-text.ts";
import { parseResult, reportPath, writeReport } from "./backtest-output.ts";
import { chooseData, dataRequestOf, type KnownDataset, settingsOf } from "./backtest-request.ts";
import type { BacktestOptions } from "./command.ts";
import { isModelBacktest, runModelCommand } from "./model-backtest-run.ts";
import { isPortfolio, runPortfolioCommand } from "./portfolio-run.ts";

/** Ends the command as wrong usage. */
export type RefuseUsage = (message: string, cure: string) => never;

export async function runBacktestCommand(
  context: Context,
  file: string | undefined,
  options: BacktestOptions,
  refuseUsage: RefuseUsage,
): Promise<void> {
  if (isModelBacktest(options)) return runModelCommand({ context, file, options, refuseUsage });
  if (file === undefined) {
    return refuseUsage("Which strategy?", "Name its file, or a trained model with --model or --model-file.");
  }
  const { strategy, parameters, warnings } = await loadRunnable(file);
  for (const warning of warnings) context.note(`warning: ${issueText({ file, ...warning })}`);
  checkOverrides(options.set ?? {}, parameters, file);
  const client = options.local === true ? null : await context.client();
  if (isPortfolio(options, strategy)) return runPortfolioCommand({ context, client, strategy, options, refuseUsage });
  const choice = chooseData(options, await knownDatasets(context, options, client));
  if (choice.kind === "unclear") return refuseUsage(choice.message, choice.cure);
  if (choice.note !== null) context.note(choice.note);
  const spec = checkedInput(
    backtestSpec,
    {
      kind: "backtest",
      strategy,
      parameters: { ...options.set },
      data: dataRequestOf(options, choice.symbol, choice.timeframe),
      settings: settingsOf(options),
    },
    "backtest",
  );
  if (options.audit === true) await auditHere(context, spec);
  const finished =
    client === null
      ? await runHere(context, spec, { told: ({ result }) => `Ran in this process on ${result.summary.bars} bars` })
      : await runOnFleet(context, client, spec, options, `${strategy.name} on ${spec.data.symbol}`);
  if (finished !== null) await showBacktest(context, finished, options);
}

/** An override of a parameter that the strategy does not have would be silently without effect. */
function checkOverrides(
  overrides: Readonly<Record<string, number>>,
  parameters: Readonly<Record<string, StrategyParameter>>,
  file: string,
): void {
  const unknown = Object.keys(overrides).find((name) => !Object.hasOwn(parameters, name));
  if (unknown === undefined) return;
  const known = Object.keys(parameters);
  throw new Problem("invalid-request", `--set ${unknown}: ${file} has no parameter of that name`, {
    cure:
      known.length === 0 ? "It has no parameters at all; leave --set out." : `Its parameters are ${known.join(", ")}.`,
  });
}

/** What this machine holds; for the fleet, what its nodes announce as well. Asked only when the choice needs it. */
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

/** Throws a `Problem` (`invalid-strategy`) that names the first bar of each signal that depends on later ones. */
async function auditHere(context: Context, spec: BacktestSpec): Promise<void> {
  const { bars } = await new MarketDataStore(context.home.data).read(spec.data);
  const report = auditBacktest(spec, bars);
  if (report.findings.length === 0) {
    context.note(`Audit: ${auditedText(report)} on ${report.prefixes.length} shortened runs; none sees a later bar.`);
    return;
  }
  throw new Problem("invalid-strategy", "The strategy sees later bars than the one it decides on.", {
    cure: "Use values of the present and of past bars alone.",
    issues: report.findings.map((finding) => ({ message: findingText(finding) })),
  });
}

export async function showBacktest(
  context: Context,
  { bytes, operationId }: Finished,
  options: BacktestOptions,
): Promise<void> {
  const result = parseResult(bytes, operationId ?? "the local run");
  if (options.output !== undefined) await writeFile(options.output, bytes);
  let report: string | null = null;
  if (options.report !== undefined) {
    const name = operationId ?? `local-${result.hashes.spec.slice(0, 12)}-${result.hashes.data.slice(0, 12)}`;
    report = await writeReport(result, options.report === true ? reportPath(context.home, name) : options.report);
  }
  const { renderStatisticsTable } = await import("../../report/index.ts");
  if (context.json) {
    const document = wire(backtestResult).encode(result);
    context.stdout.write(`${JSON.stringify({ operation_id: operationId, report, result: document })}\n`);
    return;
  }
  context.say(renderStatisticsTable(result, { width: context.width, color: context.color }));
  if (options.output !== undefined) context.say(`Result: ${options.output}`);
  if (report !== null) context.say(`Report: ${report}`);
}
