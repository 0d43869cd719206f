import { checkedInput } from "../../../client/checked-input.ts";
import { auditBacktest, auditedText, findingText } from "../../../compute-node/backtest/index.ts";
import { MarketDataStore } from "../../../compute-node/market-data/index.ts";
import { type BacktestSpec, backtestSpec, type StrategyParameter } from "../../../protocol/index.ts";
import { Problem } from "../../../protocol/problem.ts";
import { runOnFleet } from "../../api/fleet-run.ts";
import { runHere } from "../../local/run-here.ts";
import { loadRunnable } from "../../strategy/strategy-source.ts";
import type { Context } from "../../terminal/context.ts";
import { issueText } from "../../terminal/problem-text.ts";
import { chooseData, dataRequestOf, settingsOf } from "./backtest-request.ts";
import { knownDatasets } from "./known-datasets.ts";
import { isModelBacktest, runModelCommand } from "./model-backtest-run.ts";
import type { BacktestOptions, RefuseUsage } from "./options.ts";
import { isPortfolio, runPortfolioCommand } from "./portfolio-run.ts";
import { showBacktest } from "./show-backtest.ts";

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

/** Refuses an override of a parameter that the strategy does not have: it would have no effect, silently. */
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

/** Throws a `Problem` (`invalid-strategy`) that names the first bar of each signal that depends on later ones. */
async function auditHere(context: Context, spec: BacktestSpec): Promise<void> {
  const { bars } = await new MarketDataStore(context.home.data).read(spec.data);
  const report = auditBacktest(spec, bars);
  if (report.findings.length === 0) {
    context.note(`Audit: ${auditedText(report)} on ${report.prefixes.length} shortened runs; none sees a later bar.`);
    return;
  }
  const issues = report.findings.map((finding) => ({ message: findingText(finding) }));
  if (report.findings.every(({ kind }) => kind === "fill")) {
    throw new Problem("invalid-request", "Orders fill at prices from before their decision.", {
      cure: "Leave out --convention lastBar=replay, and a preset that sets it.",
      issues,
    });
  }
  throw new Problem("invalid-strategy", "The strategy sees later bars than the one it decides on.", {
    cure: "Use values of the present and of past bars alone.",
    issues,
  });
}
