/** `ktrdr node`: makes this machine a compute node of the fleet, in this process or under systemd. */
import { Command } from "commander";
import type { Context, GetContext } from "../../terminal/context.ts";
import { registerNodeServiceCommands } from "./node-service.ts";
import { registerNodeUpdateCommand } from "./node-update.ts";

export function registerNodeCommands(program: Command, getContext: GetContext): void {
  const node = program.command("node").description("this machine as a compute node");
  node
    .command("start")
    .description("run a node in this process until Ctrl-C; it dials out and needs no open port")
    .argument("[settings...]", "every setting is listed by: ktrdr node start --help")
    // The node declares its own settings; they are loaded only when a node is asked for.
    .helpOption(false)
    .allowUnknownOption()
    .addHelpText("after", EXAMPLES)
    .action((words: string[], _options: unknown, command: Command) => start(getContext(), words, command));
  registerNodeServiceCommands(node, getContext);
  registerNodeUpdateCommand(node, getContext);
}

const EXAMPLES = `
Examples:
  $ ktrdr node start                                                    for the control plane of this machine
  $ ktrdr node start --url https://ktrdr.example --token <enrolment token> --worker-id desk --slots 4`;

async function start(context: Context, words: readonly string[], command: Command): Promise<void> {
  const [{ addNodeOptions, runNode }, { nodeSettings }] = await Promise.all([
    import("../../../compute-node/main.ts"),
    import("../../machine/node-settings.ts"),
  ]);
  const parser = addNodeOptions(new Command("ktrdr node start").copyInheritedSettings(command));
  parser.helpOption("-h, --help", "display help for command");
  parser.description(command.description()).addHelpText("after", EXAMPLES);
  parser.parse([...words], { from: "user" });
  context.exitCode = await runNode(await nodeSettings(context, parser.opts()));
}
