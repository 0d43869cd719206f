/** `ktrdr train`: the network of a fuzzy-neural strategy, on the fleet or right here. */
import { type Command, InvalidArgumentError, Option } from "commander";
import type { SubmitOptions } from "../../api/fleet-run.ts";
import { addPlacementOptions } from "../../api/placement-options.ts";
import type { GetContext } from "../../terminal/context.ts";
import { parseAmount, parseEnd, parseStart } from "../backtest/backtest-request.ts";

export interface TrainOptions extends SubmitOptions {
  model?: string;
  seed?: number;
  seeds?: number;
  epochs?: number;
  from?: number;
  to?: number;
  backend?: "auto" | "cpu" | "gpu";
  fast?: boolean;
  local?: boolean;
  out?: string;
  /** True without a file name. */
  report?: string | true;
}

const EXAMPLES = `
Examples:
  $ ktrdr train examples/strategies/neural-daily-trend.yaml
  $ ktrdr train trend.yaml --model trend --to 2017 --seed 7
  $ ktrdr train trend.yaml --seeds 16
  $ ktrdr train trend.yaml --local --out trend.safetensors
  $ ktrdr backtest --model trend --symbol SP500 --from 2018`;

export function registerTrainCommand(program: Command, getContext: GetContext): void {
  addPlacementOptions(program.command("train"))
    .description("train the network of a strategy; what it leaves is a model, the next version of its name")
    .argument("<strategy>", "the strategy file: fuzzy-neural, in YAML")
    .option("--model <name>", "the model's name (the strategy's)")
    .option("--seed <number>", "in place of the strategy's", parseWhole)
    .option("--seeds <count>", "train so many networks side by side, and keep the best by validation loss", parseWhole)
    .option("--epochs <count>", "in place of the strategy's", parseWhole)
    .option("--from <date>", "first day of the data, inclusive, in place of the strategy's", parseStart)
    .option("--to <date>", "last day of the data, inclusive, in place of the strategy's", parseEnd)
    .addOption(
      new Option(
        "--backend <backend>",
        "where it computes (auto: the node's GPU if it has one; with --local the CPU)",
      ).choices(["auto", "cpu", "gpu"]),
    )
    .option("--fast", "faster on a CPU, and not the same bits on every machine")
    .option("--local", "run in this process, on the prices in the ktrdr home; no server")
    .option("--out <file>", "write the model's file there, such as model.safetensors")
    .option("--report [file]", "write the HTML report (default: reports/ in the ktrdr home)")
    .option("--detach", "submit and do not wait")
    .option("--priority <number>", "higher goes first", parseAmount, 0)
    .option("--name <name>", "what lists show")
    .addHelpText("after", EXAMPLES)
    .action(async (file: string, options: TrainOptions, command: Command) => {
      if (options.local === true && options.detach === true) {
        command.error("error: --local and --detach exclude each other", { exitCode: 2 });
      }
      const { runTrainCommand } = await import("./train-run.ts");
      await runTrainCommand(getContext(), file, options);
    });
}

function parseWhole(text: string): number {
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It is a whole number.");
}
