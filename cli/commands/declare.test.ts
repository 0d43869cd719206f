import { Command } from "commander";
import { describe, expect, it } from "vitest";
import { COMMANDS } from "../program.ts";
import { createContext } from "../terminal/context.ts";
import { testSurroundings } from "../testing/collector.ts";
import { addCommands, type DeclaredCommand, type DeclaredGroup, defineCommand } from "./declare.ts";

const listed = COMMANDS.flatMap((each) =>
  "handle" in each
    ? [{ path: each.name, command: each }]
    : each.commands.map((command) => ({ path: `${each.name} ${command.name}`, command })),
);

/** The words of each call of ktrdr in a shell line, without the parts that only the shell reads. */
function callsIn(example: string): string[][] {
  const line = example.replace(/<[a-z ]+>/g, "word").replace(/\s+(#|for the control plane).*$/, "");
  const calls = line.split(/\||&&/).map((part) => [...part.replace(/>.*$/, "").matchAll(/"[^"]*"|\S+/g)].map(String));
  return calls.filter((words) => words.includes("ktrdr")).map((words) => words.slice(words.indexOf("ktrdr") + 1));
}

/** Parses the words as the program would, and says which command would run. */
async function commandOf(words: readonly string[]): Promise<string | null> {
  let ran: string | null = null;
  const recorded = (command: DeclaredCommand, path: string): DeclaredCommand => ({
    ...command,
    handle() {
      ran = path;
    },
  });
  const declarations = COMMANDS.map((each): DeclaredCommand | DeclaredGroup =>
    "handle" in each
      ? recorded(each, each.name)
      : { ...each, commands: each.commands.map((command) => recorded(command, `${each.name} ${command.name}`)) },
  );
  const program = new Command("ktrdr").exitOverride().option("--json").option("--url <url>").option("--token <token>");
  program.configureOutput({ writeErr: () => {}, writeOut: () => {} });
  addCommands(program, declarations, () => createContext({}, testSurroundings()));
  for (const command of [program, ...program.commands, ...program.commands.flatMap((group) => group.commands)]) {
    command.exitOverride().configureOutput({ writeErr: () => {}, writeOut: () => {} });
  }
  await program.parseAsync([...words], { from: "user" });
  return ran;
}

describe("every command", () => {
  it.each(listed)("$path has a description, and each of its options one", ({ command }) => {
    const texts = [command.description, ...(command.options ?? []).map(({ description }) => description)];
    expect(texts.filter((text) => text.trim() === "" || text.endsWith("."))).toEqual([]);
  });

  it.each(listed)("$path has an example that shows it", async ({ path, command }) => {
    const calls = command.examples.flatMap(callsIn);
    const shown = await Promise.all(calls.map(commandOf));
    expect(shown).toContain(path);
    expect(shown).not.toContain(null);
  });
});

describe("a declared command", () => {
  const greet = defineCommand<[name: string], { times?: number }>({
    name: "greet",
    aliases: ["hello"],
    description: "say hello",
    arguments: [{ name: "<name>" }],
    options: [{ flags: "--times <count>", formerFlags: "--count <count>", description: "how often", parse: Number }],
    examples: ["ktrdr greet Ada"],
    fault: (_, { times }) => (times === 0 ? "--times 0 greets nobody" : null),
    handle(context, [name], { times }) {
      context.say(`${name} ${times ?? 1}`);
    },
  });

  async function run(...words: string[]): Promise<string[]> {
    const said: string[] = [];
    const program = new Command("ktrdr").exitOverride();
    const context = { say: (line: string) => said.push(line) };
    addCommands(program, [greet], () => context as never);
    program.commands[0].exitOverride().configureOutput({ writeErr: (text) => said.push(text) });
    await program.parseAsync(words, { from: "user" }).catch(() => {});
    return said;
  }

  it("gets its words and the values of its options", async () => {
    expect(await run("greet", "Ada", "--times", "3")).toEqual(["Ada 3"]);
  });

  it("runs by its older name", async () => {
    expect(await run("hello", "Ada")).toEqual(["Ada 1"]);
  });

  it("takes the older flag of an option, which its help does not list", async () => {
    expect(await run("greet", "Ada", "--count", "3")).toEqual(["Ada 3"]);
    const program = new Command("ktrdr");
    addCommands(program, [greet], () => ({}) as never);
    const help = program.commands[0].helpInformation();
    expect(help).toContain("--times <count>");
    expect(help).not.toContain("--count");
  });

  it("does not run with words that are wrong together", async () => {
    expect(await run("greet", "Ada", "--times", "0")).toEqual(["error: --times 0 greets nobody\n"]);
  });
});
