/** `ktrdr train`: the network of a fuzzy-neural strategy, on the fleet or right here. */
import { InvalidArgumentError } from "commander";
import { PLACEMENT_OPTIONS, SUBMISSION_OPTIONS } from "../../api/placement-options.ts";
import { parseEnd, parseStart } from "../../terminal/option-values.ts";
import { defineCommand } from "../declare.ts";
import type { TrainOptions } from "./options.ts";

export const trainCommand = defineCommand<[file: string], TrainOptions>({
  name: "train",
  description: "train the network of a strategy; the result is a model, the next version of its name",
  arguments: [{ name: "<strategy>", description: "the strategy file: fuzzy-neural, in YAML" }],
  options: [
    ...PLACEMENT_OPTIONS,
    { flags: "--model <name>", description: "the model's name (the strategy's)" },
    { flags: "--seed <number>", description: "instead of the strategy's", parse: parseWhole },
    {
      flags: "--seeds <count>",
      description: "train so many networks side by side, and keep the best by validation loss",
      parse: parseWhole,
    },
    { flags: "--epochs <count>", description: "instead of the strategy's", parse: parseWhole },
    {
      flags: "--from <date>",
      description: "first day of the data, inclusive, instead of the strategy's",
      parse: parseStart,
    },
    {
      flags: "--to <date>",
      description: "last day of the data, inclusive, instead of the strategy's",
      parse: parseEnd,
    },
    {
      flags: "--backend <backend>",
      description: "the processor to use (auto: the node's GPU if it has one; with --local the CPU)",
      choices: ["auto", "cpu", "gpu"],
    },
    { flags: "--fast", description: "train faster on a CPU, without the same bits on every machine" },
    {
      flags: "--local",
      description: "run in this process, on the prices in the ktrdr home; no server",
    },
    { flags: "--out <file>", description: "write the model's file there, such as model.safetensors" },
    {
      flags: "--report [file]",
      description: "write the HTML report (default: reports/ in the ktrdr home)",
    },
    ...SUBMISSION_OPTIONS,
  ],
  examples: [
    "ktrdr train examples/strategies/neural-daily-trend.yaml",
    "ktrdr train trend.yaml --model trend --to 2017 --seed 7",
    "ktrdr train trend.yaml --seeds 16",
    "ktrdr train trend.yaml --local --out trend.safetensors",
    "ktrdr backtest --model trend --symbol SP500 --from 2018",
  ],
  fault: (_, { local, detach }) =>
    local === true && detach === true ? "--local and --detach exclude each other" : null,
  async handle(context, [file], options) {
    const { runTrainCommand } = await import("./train-run.ts");
    await runTrainCommand(context, file, options);
  },
});

function parseWhole(text: string): number {
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It is a whole number.");
}
