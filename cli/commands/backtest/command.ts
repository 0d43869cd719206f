/** `ktrdr backtest`: one strategy on one series of prices, on the fleet or right here. */
import { type Command, Option } from "commander";
import type { HistoryAdjustment } from "../../../protocol/portfolio.ts";
import type { SubmitOptions } from "../../api/fleet-run.ts";
import { addPlacementOptions } from "../../api/placement-options.ts";
import type { GetContext } from "../../terminal/context.ts";
import {
  parseAmount,
  parseEnd,
  parseFraction,
  parseOverride,
  parsePair,
  parseStart,
  parseSymbols,
  type RequestOptions,
} from "./backtest-request.ts";

export interface BacktestOptions extends RequestOptions, SubmitOptions {
  /** A trained one by name, such as trend or trend@2, or by its file. */
  model?: string;
  modelFile?: string;
  /** Several on one account. */
  symbols?: readonly string[];
  actions?: string;
  adjust?: HistoryAdjustment;
  accountCurrency?: string;
  currency?: Readonly<Record<string, string>>;
  convert?: Readonly<Record<string, string>>;
  local?: boolean;
  audit?: boolean;
  /** True without a file name. */
  report?: string | true;
  output?: string;
}

const EXAMPLES = `
Examples:
  $ ktrdr backtest examples/strategies/sma-cross.yaml --symbol SP500
  $ ktrdr backtest sma.yaml --symbol AAPL --from 2015 --to 2017-06 --set fast_period=20 --report
  $ ktrdr backtest sma.yaml --symbol SP500 --commission 0.1% --local -o result.zip
  $ ktrdr backtest momentum.yaml --symbols AAPL,IBM,SPY --timeframe 1d --actions actions.csv
  $ ktrdr backtest my-strategy.ts --symbol SP500 --set fast=10 --audit
  $ ktrdr backtest --model trend@2 --symbol SP500 --from 2018 --report`;

/** In the protocol's order, and without its schemas, which are slow to load. */
const ADJUSTMENTS = ["splits", "splits_and_dividends", "none"] as const satisfies readonly HistoryAdjustment[];

export function registerBacktestCommand(program: Command, getContext: GetContext): void {
  addPlacementOptions(program.command("backtest"))
    .description("run a strategy on prices and show what came out")
    .argument("[strategy]", "the strategy file: rules in YAML, or code in TypeScript or JavaScript")
    .option("--model <name>", "a trained model in place of a strategy, such as trend or trend@2")
    .option("--model-file <file>", "a model's own file, such as model.safetensors; runs here, as --local does")
    .option("--symbol <symbol>", "which prices; may be left out when there is one dataset")
    .option("--symbols <list>", "several on one account, with commas, such as AAPL,MSFT", parseSymbols)
    .option("--timeframe <timeframe>", "their bar length, such as 1d or 5m")
    .option("--from <date>", "first day (or month, or year), inclusive", parseStart)
    .option("--to <date>", "last day (or month, or year), inclusive", parseEnd)
    .option("--set <name=value>", "override a parameter of the strategy; repeat for more", parseOverride)
    .option("--capital <money>", "what the account starts with (100000)", parseAmount)
    .option("--commission <fraction>", "of the traded value, on each side, such as 0.1%", parseFraction)
    .option("--commission-fixed <money>", "on each order", parseAmount)
    .option("--commission-per-unit <money>", "on each unit of each order", parseAmount)
    .option("--commission-minimum <money>", "what an order pays at least", parseAmount)
    .option("--maker-commission <fraction>", "of limit orders that stood in the book; below 0 a rebate", parseFraction)
    .option("--spread <fraction>", "between the price and what an entry pays", parseFraction)
    .option("--slippage <fraction>", "against the trader, on each fill", parseFraction)
    .option("--margin <fraction>", "1 / leverage, such as 0.5", parseFraction)
    .option("--maintenance-margin <fraction>", "equity below it, of the position's value, liquidates", parseFraction)
    .option("--short-borrow <fraction>", "a year's fee on the value of what is sold short, such as 3%", parseFraction)
    .option("--financing <fraction>", "a year's interest on what leverage borrows", parseFraction)
    .option("--tick <price>", "the step of prices: fills are rounded to it against the trader", parseAmount)
    .option("--fractional", "allow fractions of a unit")
    .option("--lot <units>", "entries are multiples of it", parseAmount)
    .addOption(
      new Option("--preset <system>", "costs and conventions of another system").choices(["ktrdr", "backtesting.py"]),
    )
    .addOption(new Option("--fill-at <moment>", "when signals fill").choices(["next_open", "close"]))
    .option("--actions <file>", "splits and dividends of the symbols, as CSV: date,symbol,action,value")
    .addOption(
      new Option("--adjust <what>", "which of them the history that rules see is adjusted for").choices(ADJUSTMENTS),
    )
    .option("--account-currency <currency>", "of the portfolio's account (USD)")
    .option("--currency <symbol=currency>", "what a symbol is quoted in; repeat for more", parsePair)
    .option("--convert <currency=symbol>", "the rate to the account's currency, such as EUR=EURUSD", parsePair)
    .option("--no-finalize", "leave open what is open at the last bar")
    .option("--local", "run in this process, on the prices in the ktrdr home; no server")
    .option("--audit", "first run on the data cut short, here, and stop when a signal sees a later bar")
    .option("--report [file]", "write the HTML report (default: reports/ in the ktrdr home)")
    .option("-o, --output <file>", "write the result's bytes there")
    .option("--detach", "submit and do not wait")
    .option("--priority <number>", "higher goes first", parseAmount, 0)
    .option("--name <name>", "what lists show")
    .addHelpText("after", EXAMPLES)
    .action(async (file: string | undefined, options: BacktestOptions, command: Command) => {
      if (options.local === true && options.detach === true) {
        command.error("error: --local and --detach exclude each other", { exitCode: 2 });
      }
      const { runBacktestCommand } = await import("./backtest-run.ts");
      await runBacktestCommand(getContext(), file, options, (message, cure) =>
        command.error(`error: ${message}\n${cure}`, { exitCode: 2 }),
      );
    });
}
