/**
 * Declares a command as one object: its words, its examples, its checks and its action. `addCommands` turns the objects into
 * Commander's tree; tests read them as they are. Loaded at every start, so it imports nothing that is slow to load.
 */
import { type Command, Option } from "commander";
import type { Context, GetContext } from "../terminal/context.ts";

interface ArgumentDeclaration {
  /** `<file>` when it must be there, `[file]` when it may, `<files...>` for several. */
  readonly name: string;
  readonly description?: string;
  readonly default?: string;
}

export interface OptionDeclaration {
  /** As a person types it, with its value: `-o, --output <file>`. */
  readonly flags: string;
  /** The flags of earlier releases, which go on working and stay out of the help. */
  readonly formerFlags?: string;
  readonly description: string;
  /** Turns the text into a value; `before` is the value so far, for an option that may be repeated. */
  parse?(text: string, before: unknown): unknown;
  readonly choices?: readonly string[];
  readonly default?: unknown;
  readonly isRequired?: boolean;
}

/** `Arguments` are the words in their order, `Options` the options by their names in camelCase. */
interface CommandDeclaration<Arguments extends readonly unknown[], Options> {
  readonly name: string;
  /** Older names. They still work, and the help does not show them. */
  readonly aliases?: readonly string[];
  readonly description: string;
  /** Runs when its group is named alone. */
  readonly isDefault?: boolean;
  readonly arguments?: readonly ArgumentDeclaration[];
  readonly options?: readonly OptionDeclaration[];
  /** Stands between the options and the examples in the help. */
  readonly notes?: string;
  /** Whole lines for a shell. */
  readonly examples: readonly string[];
  /** For a command that parses its own words. */
  readonly takesUnknownOptions?: boolean;
  /** Names the fault of words that are right alone and wrong together; null when there is none. */
  fault?(words: Arguments, options: Options): string | null;
  handle(context: Context, words: Arguments, options: Options, command: Command): void | Promise<void>;
}

/** Any command; its words and options are checked where it is declared. */
export type DeclaredCommand = CommandDeclaration<readonly unknown[], object>;

export interface DeclaredGroup {
  readonly name: string;
  readonly description: string;
  readonly commands: readonly DeclaredCommand[];
}

export function defineCommand<Arguments extends readonly unknown[], Options extends object>(
  declaration: CommandDeclaration<Arguments, Options>,
): DeclaredCommand {
  return declaration;
}

/** Adds commands and groups of commands in their order. */
export function addCommands(
  parent: Command,
  declarations: readonly (DeclaredCommand | DeclaredGroup)[],
  getContext: GetContext,
): void {
  for (const declaration of declarations) {
    if ("handle" in declaration) addCommand(parent, declaration, getContext);
    else {
      addCommands(
        parent.command(declaration.name).description(declaration.description),
        declaration.commands,
        getContext,
      );
    }
  }
}

function addCommand(parent: Command, declaration: DeclaredCommand, getContext: GetContext): void {
  const command = parent
    .command(declaration.name, { isDefault: declaration.isDefault === true })
    .description(declaration.description)
    .aliases([...(declaration.aliases ?? [])]);
  for (const { name, description, default: value } of declaration.arguments ?? []) {
    command.argument(name, description ?? "", value);
  }
  for (const option of declaration.options ?? []) {
    const current = commanderOption(option);
    command.addOption(current);
    if (option.formerFlags === undefined) continue;
    const former = commanderOption({ ...option, flags: option.formerFlags }).hideHelp();
    former.attributeName = () => current.attributeName();
    command.addOption(former);
  }
  if (declaration.takesUnknownOptions === true) command.helpOption(false).allowUnknownOption();
  command.addHelpText("after", helpEnd(declaration)).action(async () => {
    const [words, options] = [command.processedArgs, command.opts()];
    const fault = declaration.fault?.(words, options) ?? null;
    if (fault !== null) command.error(`error: ${fault}`, { exitCode: 2 });
    await declaration.handle(getContext(), words, options, command);
  });
}

export function commanderOption({
  flags,
  description,
  parse,
  choices,
  default: value,
  isRequired,
}: OptionDeclaration): Option {
  const option = new Option(flags, description);
  if (parse !== undefined) option.argParser(parse);
  if (choices !== undefined) option.choices(choices);
  if (value !== undefined) option.default(value);
  return option.makeOptionMandatory(isRequired === true);
}

/** The text after the options: notes, then the examples. */
export function helpEnd({ notes, examples }: Pick<DeclaredCommand, "notes" | "examples">): string {
  const heading = examples.length === 1 ? "Example:" : "Examples:";
  const lines = [heading, ...examples.map((example) => `  $ ${example}`)].join("\n");
  return notes === undefined ? `\n${lines}` : `\n${notes}\n\n${lines}`;
}
