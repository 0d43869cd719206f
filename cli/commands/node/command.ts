/** `ktrdr node`: makes this machine a compute node of the fleet, in this process or under systemd. */
import { Command } from "commander";
import type { Context } from "../../terminal/context.ts";
import { type DeclaredGroup, defineCommand, helpEnd } from "../declare.ts";
import { drainCommand, installCommand, statusCommand, uninstallCommand } from "./node-service.ts";
import { updateCommand } from "./node-update.ts";

const startCommand = defineCommand<[words: string[]], object>({
  name: "start",
  description: "run a node in this process until Ctrl-C; it dials out and needs no open port",
  arguments: [{ name: "[settings...]", description: "every setting is listed by: ktrdr node start --help" }],
  // The node declares its own settings; they are loaded only when a node is asked for.
  takesUnknownOptions: true,
  examples: [
    "ktrdr node start                                                    for the control plane of this machine",
    "ktrdr node start --url https://ktrdr.example --token <enrolment token> --worker-id desk --slots 4",
  ],
  handle: (context, [words], _, command) => start(context, words, command),
});

export const nodeCommands: DeclaredGroup = {
  name: "node",
  description: "this machine as a compute node",
  commands: [startCommand, installCommand, statusCommand, drainCommand, uninstallCommand, updateCommand],
};

async function start(context: Context, words: readonly string[], command: Command): Promise<void> {
  const [{ addNodeOptions, runNode }, { nodeSettings }] = await Promise.all([
    import("../../../compute-node/main.ts"),
    import("../../machine/node-settings.ts"),
  ]);
  const parser = addNodeOptions(new Command("ktrdr node start").copyInheritedSettings(command));
  parser.helpOption("-h, --help", "display help for command");
  parser.description(command.description()).addHelpText("after", helpEnd(startCommand));
  parser.parse([...words], { from: "user" });
  context.exitCode = await runNode(await nodeSettings(context, parser.opts()));
}
