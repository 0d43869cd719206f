/** `ktrdr run`: a program that a node's operator approved, such as a trainer of one's own. */
import { type Command, InvalidArgumentError, Option } from "commander";
import type { SubmitOptions } from "../../api/fleet-run.ts";
import { addPlacementOptions } from "../../api/placement-options.ts";
import type { GetContext } from "../../terminal/context.ts";
import { parseAmount, parseEnd, parseStart, parseSymbols } from "../backtest/backtest-request.ts";

export interface RunOptions extends SubmitOptions {
  input?: string;
  set?: Readonly<Record<string, unknown>>;
  symbol?: readonly string[];
  timeframe: string;
  from?: number;
  to?: number;
  dataFormat?: "parquet" | "npy";
  mediaType?: string;
  output?: string;
}

const EXAMPLES = `
Examples:
  $ ktrdr run trend-line --symbol SP500 --data-format npy --set epochs=50 --output trend.json
  $ ktrdr run pytorch-mlp --symbol SP500,AAPL --to 2017 --input hyper.json --set seed=7 -o model.pt
  $ ktrdr node start --type cpu_training --command trend-line=$PWD/examples/trainers/trend-line.mjs`;

export function registerRunCommand(program: Command, getContext: GetContext): void {
  addPlacementOptions(program.command("run"))
    .description("run a program that the operator of a node approved, such as a trainer of your own")
    .argument("<program>", "its name there: ktrdr node start --command <name>=<path>")
    .option("--input <file>", "its input, a JSON object in a file")
    .option("--set <key=value>", "one value of the input, as JSON or else as text; repeat for more", parseValue)
    .option("--symbol <list>", "prices that it gets as files, with commas for several", parseSymbols)
    .option("--timeframe <timeframe>", "their bar length", "1d")
    .option("--from <date>", "first day (or month, or year), inclusive", parseStart)
    .option("--to <date>", "last day (or month, or year), inclusive", parseEnd)
    .addOption(new Option("--data-format <format>", "of those files (parquet)").choices(["parquet", "npy"]))
    .option("--media-type <type>", "of the result (application/octet-stream)")
    .option("-o, --output <file>", "write the result's bytes there")
    .option("--detach", "submit and do not wait")
    .option("--priority <number>", "higher goes first", parseAmount, 0)
    .option("--name <name>", "what lists show")
    .addHelpText("after", EXAMPLES)
    .action(async (name: string, options: RunOptions, command: Command) => {
      if (options.detach === true && options.output !== undefined) {
        command.error("error: --output waits for the result, and --detach does not", { exitCode: 2 });
      }
      const { runProgramCommand } = await import("./program-command.ts");
      await runProgramCommand(getContext(), name, options);
    });
}

function parseValue(text: string, before: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const [, key, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (key === undefined || value === undefined)
    throw new InvalidArgumentError("It is a key and its value, such as epochs=20.");
  try {
    return { ...before, [key]: JSON.parse(value) };
  } catch {
    // Not JSON: a text without its quotes.
    return { ...before, [key]: value };
  }
}
