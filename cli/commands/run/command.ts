/** `ktrdr run` runs a program that a node's operator approved, such as a network in PyTorch. */
import { InvalidArgumentError } from "commander";
import { PLACEMENT_OPTIONS, SUBMISSION_OPTIONS } from "../../api/placement-options.ts";
import { parseEnd, parseStart, parseSymbols } from "../../terminal/option-values.ts";
import { defineCommand } from "../declare.ts";
import type { RunOptions } from "./options.ts";

export const programCommand = defineCommand<[program: string], RunOptions>({
  name: "run",
  description: "run a program that the operator of a node approved, such as your own training in PyTorch",
  arguments: [{ name: "<program>", description: "its name on that node: ktrdr node start --program <name>=<path>" }],
  options: [
    ...PLACEMENT_OPTIONS,
    { flags: "--input <file>", description: "the program's input, a file with a JSON object" },
    {
      flags: "--set <key=value>",
      description: "one value of the input, read as JSON or else as text; repeat for more",
      parse: parseValue,
    },
    {
      flags: "--symbol <list>",
      description: "prices that it finds as files; commas between several",
      parse: parseSymbols,
    },
    { flags: "--timeframe <timeframe>", description: "the bar length of the prices", default: "1d" },
    { flags: "--from <date>", description: "first day (or month, or year), inclusive", parse: parseStart },
    { flags: "--to <date>", description: "last day (or month, or year), inclusive", parse: parseEnd },
    {
      flags: "--data-format <format>",
      description: "the format of the files with prices (default: parquet)",
      choices: ["parquet", "npy"],
    },
    { flags: "--media-type <type>", description: "the media type of the result (default: application/octet-stream)" },
    { flags: "-o, --output <file>", description: "write the result's bytes there" },
    ...SUBMISSION_OPTIONS,
  ],
  examples: [
    "ktrdr run trend-line --symbol SP500 --data-format npy --set epochs=50 --output trend.json",
    "ktrdr run pytorch-mlp --symbol SP500,AAPL --to 2017 --input hyper.json --set seed=7 -o model.pt",
    "ktrdr node start --type cpu_training --program trend-line=$PWD/examples/trainers/trend-line.mjs",
  ],
  fault: (_, { detach, output }) =>
    detach === true && output !== undefined ? "--output waits for the result, and --detach does not" : null,
  async handle(context, [name], options) {
    const { runProgramCommand } = await import("./program-command.ts");
    await runProgramCommand(context, name, options);
  },
});

function parseValue(text: string, before: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const [, key, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (key === undefined || value === undefined)
    throw new InvalidArgumentError("It is a key and its value, such as epochs=20.");
  try {
    return { ...before, [key]: JSON.parse(value) };
  } catch {
    // A text that is not JSON is taken as it is.
    return { ...before, [key]: value };
  }
}
