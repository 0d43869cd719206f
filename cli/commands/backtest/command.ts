/** `ktrdr backtest`: one strategy on one series of prices, on the fleet or right here. */
import type { HistoryAdjustment } from "../../../protocol/portfolio.ts";
import { PLACEMENT_OPTIONS, SUBMISSION_OPTIONS } from "../../api/placement-options.ts";
import {
  parseAmount,
  parseConvention,
  parseEnd,
  parseFraction,
  parseOverride,
  parsePair,
  parseStart,
  parseSymbols,
} from "../../terminal/option-values.ts";
import { defineCommand, type OptionDeclaration } from "../declare.ts";
import type { BacktestOptions } from "./options.ts";

/** In the protocol's order. Written out here, since the protocol's schemas are slow to load. */
const ADJUSTMENTS = ["splits", "splits_and_dividends", "none"] as const satisfies readonly HistoryAdjustment[];

const MARKET_OPTIONS: readonly OptionDeclaration[] = [
  { flags: "--model <name>", description: "a trained model instead of a strategy, such as trend or trend@2" },
  {
    flags: "--model-file <file>",
    description: "a model's own file, such as model.safetensors; runs here, as --local does",
  },
  { flags: "--symbol <symbol>", description: "the prices to use; may be left out when there is one dataset" },
  {
    flags: "--symbols <list>",
    description: "several on one account, with commas, such as AAPL,MSFT",
    parse: parseSymbols,
  },
  { flags: "--timeframe <timeframe>", description: "their bar length, such as 1d or 5m" },
  { flags: "--from <date>", description: "first day (or month, or year), inclusive", parse: parseStart },
  { flags: "--to <date>", description: "last day (or month, or year), inclusive", parse: parseEnd },
  {
    flags: "--set <name=value>",
    description: "override a parameter of the strategy; repeat for more",
    parse: parseOverride,
  },
];

const ACCOUNT_OPTIONS: readonly OptionDeclaration[] = [
  { flags: "--capital <money>", description: "money in the account at the start (100000)", parse: parseAmount },
  {
    flags: "--commission <fraction>",
    description: "part of the traded value, on each side, such as 0.1%",
    parse: parseFraction,
  },
  { flags: "--commission-fixed <money>", description: "on each order", parse: parseAmount },
  { flags: "--commission-per-unit <money>", description: "on each unit of each order", parse: parseAmount },
  { flags: "--commission-minimum <money>", description: "the least that an order pays", parse: parseAmount },
  {
    flags: "--maker-commission <fraction>",
    description: "commission of limit orders that stood in the book; below 0 a rebate",
    parse: parseFraction,
  },
  { flags: "--spread <fraction>", description: "between the price and what an entry pays", parse: parseFraction },
  { flags: "--slippage <fraction>", description: "against the trader, on each fill", parse: parseFraction },
  { flags: "--margin <fraction>", description: "1 / leverage, such as 0.5", parse: parseFraction },
  {
    flags: "--maintenance-margin <fraction>",
    description: "equity below it, of the position's value, liquidates",
    parse: parseFraction,
  },
  {
    flags: "--short-borrow <fraction>",
    description: "a year's fee on the value of short positions, such as 3%",
    parse: parseFraction,
  },
  {
    flags: "--financing <fraction>",
    description: "a year's interest on borrowed money",
    parse: parseFraction,
  },
  {
    flags: "--tick <price>",
    description: "the step of prices: fills are rounded to it against the trader",
    parse: parseAmount,
  },
  { flags: "--fractional", description: "allow fractions of a unit" },
  { flags: "--lot <units>", description: "entries are multiples of it", parse: parseAmount },
  {
    flags: "--preset <system>",
    description: "costs and conventions of another system",
    choices: ["ktrdr", "backtesting.py"],
  },
  {
    flags: "--convention <name=answer>",
    description: "one answer of docs/reference/conventions.md, such as lastBar=replay; repeat for more",
    parse: parseConvention,
  },
  { flags: "--fill-at <moment>", description: "when signals fill", choices: ["next_open", "close"] },
];

const PORTFOLIO_OPTIONS: readonly OptionDeclaration[] = [
  {
    flags: "--actions <file>",
    description: "splits and dividends of the symbols, as CSV: date,symbol,action,value",
  },
  {
    flags: "--adjust <what>",
    description: "actions that adjust the history that rules see",
    choices: ADJUSTMENTS,
  },
  { flags: "--account-currency <currency>", description: "currency of the portfolio's account (USD)" },
  {
    flags: "--currency <symbol=currency>",
    description: "a symbol's quote currency; repeat for more",
    parse: parsePair,
  },
  {
    flags: "--convert <currency=symbol>",
    description: "the rate to the account's currency, such as EUR=EURUSD",
    parse: parsePair,
  },
];

export const backtestCommand = defineCommand<[file: string | undefined], BacktestOptions>({
  name: "backtest",
  description: "run a strategy on prices and show the result",
  arguments: [
    { name: "[strategy]", description: "the strategy file: rules in YAML, or code in TypeScript or JavaScript" },
  ],
  options: [
    ...PLACEMENT_OPTIONS,
    ...MARKET_OPTIONS,
    ...ACCOUNT_OPTIONS,
    ...PORTFOLIO_OPTIONS,
    { flags: "--no-finalize", description: "leave positions open that are open at the last bar" },
    { flags: "--local", description: "run in this process, on the prices in the ktrdr home; no server" },
    {
      flags: "--audit",
      description: "first run on the data cut short, here, and stop when a signal sees a later bar",
    },
    { flags: "--report [file]", description: "write the HTML report (default: reports/ in the ktrdr home)" },
    { flags: "-o, --output <file>", description: "write the result's bytes there" },
    ...SUBMISSION_OPTIONS,
  ],
  examples: [
    "ktrdr backtest examples/strategies/sma-cross.yaml --symbol SP500",
    "ktrdr backtest sma.yaml --symbol AAPL --from 2015 --to 2017-06 --set fast_period=20 --report",
    "ktrdr backtest sma.yaml --symbol SP500 --commission 0.1% --local -o result.zip",
    "ktrdr backtest momentum.yaml --symbols AAPL,IBM,SPY --timeframe 1d --actions actions.csv",
    "ktrdr backtest my-strategy.ts --symbol SP500 --set fast=10 --audit",
    "ktrdr backtest --model trend@2 --symbol SP500 --from 2018 --report",
  ],
  fault: (_, { local, detach }) =>
    local === true && detach === true ? "--local and --detach exclude each other" : null,
  async handle(context, [file], options, command) {
    const { runBacktestCommand } = await import("./backtest-run.ts");
    await runBacktestCommand(context, file, options, (message, cure) =>
      command.error(`error: ${message}\n${cure}`, { exitCode: 2 }),
    );
  },
});
