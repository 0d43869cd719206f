/** The command tree and its exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted. */
import { Command, CommanderError } from "commander";
import { backtestCommand } from "./commands/backtest/command.ts";
import { backupCommand, restoreCommand } from "./commands/backup/command.ts";
import { batchCommand } from "./commands/batch/command.ts";
import { configCommands } from "./commands/config/command.ts";
import { dataCommands } from "./commands/data/command.ts";
import { addCommands, type DeclaredCommand, type DeclaredGroup } from "./commands/declare.ts";
import { doctorCommand } from "./commands/doctor/command.ts";
import { enrolCommand } from "./commands/enrol/command.ts";
import { modelCommands } from "./commands/models/command.ts";
import { nodeCommands } from "./commands/node/command.ts";
import { operationCommands } from "./commands/operations/command.ts";
import { reportCommand } from "./commands/report/command.ts";
import { programCommand } from "./commands/run/command.ts";
import { strategyCommands } from "./commands/strategy/command.ts";
import { tokenCommands } from "./commands/token/command.ts";
import { trainCommand } from "./commands/train/command.ts";
import { upCommand } from "./commands/up/command.ts";
import { workerCommands } from "./commands/workers/command.ts";
import { workspaceCommands } from "./commands/workspace/command.ts";
import { softwareVersion } from "./software-version.ts";
import { type Context, createContext, EXIT, type GlobalOptions, type Surroundings } from "./terminal/context.ts";

/** Every command, in the order of the help. */
export const COMMANDS: readonly (DeclaredCommand | DeclaredGroup)[] = [
  upCommand,
  nodeCommands,
  dataCommands,
  strategyCommands,
  trainCommand,
  backtestCommand,
  batchCommand,
  modelCommands,
  programCommand,
  operationCommands,
  reportCommand,
  workerCommands,
  enrolCommand,
  tokenCommands,
  workspaceCommands,
  backupCommand,
  restoreCommand,
  doctorCommand,
  configCommands,
];

/** Runs one command line (without `node` and the script) and returns its exit code; never throws, never exits. */
export async function runCommand(words: readonly string[], surroundings: Surroundings): Promise<number> {
  let context: Context | undefined;
  const program = createProgram(surroundings, (options) => {
    context ??= createContext(options, surroundings);
    return context;
  });
  try {
    await program.parseAsync(words.length === 0 ? ["help"] : [...words], { from: "user" });
    return context?.exitCode ?? EXIT.done;
  } catch (thrown) {
    const json = context?.json ?? words.includes("--json");
    if (thrown instanceof CommanderError) return usageEnd(thrown, json, surroundings);
    const { problemJson, problemText } = await import("./terminal/problem-text.ts");
    surroundings.stderr.write(`${problemText(thrown)}\n`);
    if (json) surroundings.stdout.write(`${JSON.stringify(problemJson(thrown), null, 2)}\n`);
    return EXIT.failed;
  }
}

/** Every command, ready to parse. `contextOf` makes the context when a command asks for it. */
export function createProgram(surroundings: Surroundings, contextOf: (options: GlobalOptions) => Context): Command {
  const program = new Command("ktrdr");
  program
    .description("Backtests and training runs on your own machines.")
    .version(softwareVersion(), "-V, --version", "print the version")
    .option("--home <folder>", "where ktrdr keeps its things (KTRDR_HOME, else ~/.ktrdr)")
    .option("--url <url>", "the control plane (KTRDR_URL, else what `ktrdr up` wrote)")
    .option("--token <token>", "the API token (KTRDR_TOKEN, else what `ktrdr up` wrote)")
    .option("--json", "print one JSON document on stdout and nothing else there")
    .option("--no-color", "no colours (so does NO_COLOR)")
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => surroundings.stdout.write(text),
      writeErr: (text) => surroundings.stderr.write(text),
      getOutHelpWidth: () => surroundings.stdout.columns ?? 100,
      getErrHelpWidth: () => surroundings.stderr.columns ?? 100,
      outputError: (text, write) => write(usageText(text)),
    })
    .exitOverride();
  const getContext = (): Context => contextOf(program.opts<GlobalOptions>());
  addCommands(program, COMMANDS, getContext);
  for (const group of program.commands) nameUnknownCommands(group);
  program.addHelpText("after", FIRST_STEPS);
  return program;
}

/** Refuses `ktrdr ops lgos` as an unknown command, instead of passing `lgos` to the group's default command. */
function nameUnknownCommands(group: Command): void {
  const names = group.commands.map((command) => command.name());
  for (const command of group.commands.filter((each) => each.registeredArguments.length === 0)) {
    command.allowExcessArguments().hook("preAction", async (_, { args: [word] }) => {
      if (word === undefined) return;
      if (names.includes(group.args[0] ?? "")) command.error(`error: too many arguments for '${command.name()}'`);
      const { closestName } = await import("../compute-node/strategy/closest-name.ts");
      const closest = closestName(word, names);
      group.error(`error: unknown command '${word}'${closest === null ? "" : `\n(Did you mean ${closest}?)`}`);
    });
  }
}

const FIRST_STEPS = `
First steps:
  $ ktrdr up                                        a control plane and a node, here
  $ ktrdr data load --sample                        real prices to start with
  $ ktrdr backtest examples/strategies/sma-cross.yaml --symbol SP500 --report
`;

/** Turns Commander's message into the shape of every other error. Its later lines become the cure. */
export function usageText(text: string): string {
  const [message, ...rest] = text.trim().split("\n");
  const advice = rest.join(" ").trim();
  const suggestion = /^\(Did you mean (.*)\?\)$/.exec(advice)?.[1];
  const cure = suggestion === undefined ? advice || "See the usage with --help." : `Did you mean ${suggestion}?`;
  return `${message}\n  cure: ${cure}\n`;
}

function usageEnd(error: CommanderError, json: boolean, surroundings: Surroundings): number {
  if (error.exitCode === 0) return EXIT.done;
  if (json) {
    const detail = error.message.replace(/^error: /, "").split("\n")[0];
    const details = { type: "urn:ktrdr:problem:usage", title: "Wrong usage", status: 400, detail };
    surroundings.stdout.write(`${JSON.stringify({ error: details }, null, 2)}\n`);
  }
  return EXIT.usage;
}
