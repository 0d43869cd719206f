/** Runs `ktrdr backtest` with several symbols, or with corporate actions, on one account. */

import { readFile, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { crc32 } from "node:zlib";
import { checkedInput } from "../../../client/checked-input.ts";
import type { Client } from "../../../client/client.ts";
import { parseCorporateActions } from "../../../compute-node/portfolio/index.ts";
import {
  type CorporateAction,
  type PortfolioSpec,
  portfolioSpec,
  type RuleStrategy,
  type ScriptSource,
  wire,
} from "../../../protocol/index.ts";
import { Problem } from "../../../protocol/problem.ts";
import { decodePortfolioResult, portfolioResult } from "../../../results/index.ts";
import { type Finished, runOnFleet } from "../../api/fleet-run.ts";
import { runHere } from "../../local/run-here.ts";
import type { Context } from "../../terminal/context.ts";
import { reportPath, writeReport } from "./backtest-output.ts";
import { dataRequestOf, settingsOf } from "./backtest-request.ts";
import type { BacktestOptions, RefuseUsage } from "./options.ts";

interface PortfolioCommand {
  readonly context: Context;
  /** Null for a run in this process. */
  readonly client: Client | null;
  readonly strategy: RuleStrategy | ScriptSource;
  readonly options: BacktestOptions;
  readonly refuseUsage: RefuseUsage;
}

/** True for several symbols, for an option that only a portfolio has, and for a strategy that says how to share an account. */
export function isPortfolio(options: BacktestOptions, strategy: RuleStrategy | ScriptSource): boolean {
  const { symbols, actions, adjust, currency, convert, accountCurrency } = options;
  const asked = [symbols, actions, adjust, currency, convert, accountCurrency];
  return (
    asked.some((option) => option !== undefined) || (strategy.kind === "rules" && strategy.portfolio !== undefined)
  );
}

export async function runPortfolioCommand(command: PortfolioCommand): Promise<void> {
  const { context, client, options, refuseUsage } = command;
  if (options.audit === true) return refuseUsage("--audit takes one symbol", "Leave out --symbols and --actions.");
  const spec = await specificationOf(command);
  const [first, ...others] = spec.data.map(({ symbol }) => symbol);
  const subject = others.length === 0 ? first : `${spec.data.length} symbols`;
  const finished =
    client === null
      ? await runHere(context, spec, { told: ({ bytes }) => told(spec, bytes) })
      : await runOnFleet(context, client, spec, options, `${spec.strategy.name} on ${subject}`);
  if (finished !== null) await show(context, finished, options);
}

async function specificationOf({ strategy, options, refuseUsage }: PortfolioCommand): Promise<PortfolioSpec> {
  if (strategy.kind !== "rules")
    throw new Problem("invalid-request", `${strategy.name} is code, and a portfolio takes rules.`, {
      cure: "Write the strategy as rules in YAML, or test one symbol.",
    });
  const symbols = options.symbols ?? (options.symbol === undefined ? [] : [options.symbol]);
  if (symbols.length === 0) return refuseUsage("Which prices?", "Pass --symbols, such as --symbols AAPL,MSFT.");
  const timeframe = options.timeframe ?? "1d";
  const account = options.accountCurrency ?? "USD";
  const actions = options.actions === undefined ? [] : await readActions(options.actions, symbols);
  return checkedInput(
    portfolioSpec,
    {
      kind: "portfolio",
      strategy,
      parameters: { ...options.set },
      data: symbols.map((symbol) => dataRequestOf(options, symbol, timeframe)),
      settings: settingsOf(options),
      actions: actions.filter(({ symbol }) => symbols.includes(symbol)),
      ...(options.adjust === undefined ? {} : { adjustment: options.adjust }),
      accountCurrency: account,
      currencies: Object.entries(options.currency ?? {}).map(([symbol, currency]) => ({ symbol, currency })),
      conversions: Object.entries(options.convert ?? {}).map(([currency, pair]) => {
        const [symbol = "", rateTimeframe = timeframe] = pair.split("@");
        // USDEUR gives the euros for one dollar. An account in dollars needs the inverse.
        return { currency, data: { symbol, timeframe: rateTimeframe }, isInverse: symbol.startsWith(account) };
      }),
    },
    "portfolio backtest",
  );
}

async function readActions(file: string, symbols: readonly string[]): Promise<CorporateAction[]> {
  try {
    const text = await readFile(file, "utf8");
    const [first, ...others] = symbols;
    return parseCorporateActions(text, basename(file), first !== undefined && others.length === 0 ? first : null);
  } catch (error) {
    if (error instanceof Problem) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new Problem("not-found", `${file} cannot be read (${code})`, {
      cure: "Give a CSV file with the columns date, symbol, action, value.",
      cause: error,
    });
  }
}

/** The line that a run in this process prints about itself. */
function told({ data }: PortfolioSpec, bytes: Uint8Array | null): string {
  const bars = bytes === null ? 0 : decodePortfolioResult(bytes).symbolBars;
  return `Ran in this process on ${data.length} symbols with ${bars} bars`;
}

async function show(context: Context, { bytes, operationId }: Finished, options: BacktestOptions): Promise<void> {
  const result = decodePortfolioResult(bytes, crc32);
  if (options.output !== undefined) await writeFile(options.output, bytes);
  let report: string | null = null;
  if (options.report !== undefined) {
    const name = operationId ?? `local-${result.hashes.spec.slice(0, 12)}-${result.hashes.data.slice(0, 12)}`;
    report = await writeReport(result, options.report === true ? reportPath(context.home, name) : options.report);
  }
  if (context.json) {
    const document = wire(portfolioResult).encode(result);
    context.stdout.write(`${JSON.stringify({ operation_id: operationId, report, result: document })}\n`);
    return;
  }
  const { renderPortfolioTable } = await import("../../report/index.ts");
  context.say(renderPortfolioTable(result, context.width));
  if (options.output !== undefined) context.say(`Result: ${options.output}`);
  if (report !== null) context.say(`Report: ${report}`);
}
